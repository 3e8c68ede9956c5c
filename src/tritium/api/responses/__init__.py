"""OpenAI's Responses dialect at the edge: a request becomes a chat request, an answer becomes output items."""
