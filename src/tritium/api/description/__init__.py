"""What the API says of itself: its OpenAPI document, made when somebody asks for it."""
