"""Every route described, in the order of the table of routes; a test holds the two to each other."""

from __future__ import annotations

from tritium.api.description.operation import Operation, Parameter, Schema

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
FROM_ZERO: Schema = {"type": ["number", "null"], "minimum": 0}
"""A null in a query is `null`, or nothing after the `=`."""
_DOLLARS_PER_MILLION = "Dollars per million tokens."


def _choice(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


def _whole(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def _perhaps(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


_MOST_OFFSET = 999_999_999
_PAGE = (
    Parameter("offset", _perhaps(_whole(0, _MOST_OFFSET)), "Rows to pass over."),
    Parameter("limit", _perhaps(_whole(1, 1000)), "Rows to a page; 500 if only an offset is given, all if neither is."),
)
_OUTPUTS = Parameter("output_modalities", TEXT, "Comma-separated; `all` for all. By default `text`.")
_CATALOGUE = (
    _OUTPUTS,
    Parameter("input_modalities", TEXT, "Comma-separated; all must be taken."),
    Parameter("supported_parameters", TEXT, "Comma-separated; all must be supported."),
    Parameter("model_authors", TEXT, "Comma-separated; any will do."),
    Parameter("providers", TEXT, "Comma-separated; any will do."),
    Parameter("q", TEXT, "Part of a model's id."),
    Parameter("arch", TEXT, "Part of a model's id, too."),
    Parameter("context", FROM_ZERO, "Context of at least so many tokens."),
    Parameter("min_price", FROM_ZERO, _DOLLARS_PER_MILLION),
    Parameter("max_price", FROM_ZERO, _DOLLARS_PER_MILLION),
    Parameter("min_output_price", FROM_ZERO, _DOLLARS_PER_MILLION),
    Parameter("max_output_price", FROM_ZERO, _DOLLARS_PER_MILLION),
    Parameter(
        "sort",
        _choice(
            "pricing-low-to-high",
            "pricing-high-to-low",
            "context-high-to-low",
            "most-popular",
            "newest",
            "top-weekly",
            "throughput-high-to-low",
            "latency-low-to-high",
            "intelligence-high-to-low",
            "coding-high-to-low",
            "agentic-high-to-low",
            "design-arena-elo-high-to-low",
        ),
        "The last nine need figures that aren't measured here, and change nothing.",
    ),
    *_PAGE,
)
_CACHE = (
    Parameter("X-OpenRouter-Cache", TEXT, "`true`: answer from memory if the same was answered before.", "header"),
    Parameter("X-OpenRouter-Cache-TTL", TEXT, "Seconds to keep the answer; 300 if left out.", "header"),
    Parameter("X-OpenRouter-Cache-Clear", TEXT, "`true`: forget the kept answer first.", "header"),
)
_ANSWERING = (
    *_CACHE,
    Parameter("X-OpenRouter-Metadata", TEXT, "`enabled`: say in `openrouter_metadata` who was asked.", "header"),
    Parameter("X-Session-Id", TEXT, "The session, if the body names none in `session_id`.", "header"),
)

OPERATIONS: dict[str, dict[str, Operation]] = {
    "/chat/completions": {
        "POST": Operation(
            "Answer a chat, whole or as a stream.",
            "ChatCompletion",
            "inference",
            body="ChatRequest",
            event="ChatCompletionChunk",
            parameters=_ANSWERING,
            asks_a_model=True,
        )
    },
    "/completions": {
        "POST": Operation(
            "Answer one prompt, in OpenAI's older form.",
            "TextCompletion",
            "inference",
            body="CompletionRequest",
            event="TextCompletion",
            parameters=_ANSWERING,
            asks_a_model=True,
        )
    },
    "/responses": {
        "POST": Operation(
            "Answer in OpenAI's Responses dialect; nothing is stored.",
            "Response",
            "inference",
            body="ResponsesRequest",
            event="ResponseEvent",
            parameters=_ANSWERING,
            asks_a_model=True,
        )
    },
    "/messages": {
        "POST": Operation(
            "Answer in Anthropic's Messages dialect.",
            "Message",
            "inference",
            body="MessagesRequest",
            event="MessageEvent",
            parameters=_ANSWERING,
            asks_a_model=True,
        )
    },
    "/messages/count_tokens": {
        "POST": Operation(
            "Estimate a request's input tokens; nobody is asked.",
            "TokenCount",
            "inference",
            body="MessagesRequest",
            errors=(400, 402, 403, 404, 413),
        )
    },
    "/embeddings": {
        "POST": Operation(
            "Turn texts into vectors.",
            "Embeddings",
            "inference",
            body="EmbeddingRequest",
            parameters=_CACHE,
            asks_a_model=True,
        )
    },
    "/embeddings/models": {
        "GET": Operation("The models that embed.", "ModelPage", "catalogue", parameters=_PAGE, errors=(400,))
    },
    "/rerank": {
        "POST": Operation(
            "Put documents in the order of their relevance to a query.",
            "Ranking",
            "inference",
            body="RerankRequest",
            asks_a_model=True,
        )
    },
    "/models": {
        "GET": Operation(
            "The catalogue, filtered, in order.", "ModelPage", "catalogue", parameters=_CATALOGUE, errors=(400,)
        )
    },
    "/models/count": {
        "GET": Operation("How many models there are.", "ModelCount", "catalogue", parameters=(_OUTPUTS,))
    },
    "/models/user": {
        "GET": Operation(
            "The catalogue without what the caller's key may not ask.",
            "ModelPage",
            "catalogue",
            parameters=_CATALOGUE,
            errors=(400,),
        )
    },
    "/models/{name*}/endpoints": {
        "GET": Operation("Where a model is served.", "ModelEndpoints", "catalogue", errors=(400, 404))
    },
    "/models/{name*}": {"GET": Operation("One model, itself.", "Model", "catalogue", errors=(400, 404))},
    "/model/{name*}": {"GET": Operation("One model, under `data`.", "ModelData", "catalogue", errors=(400, 404))},
    "/providers": {"GET": Operation("Who is switched on.", "Providers", "catalogue")},
    "/presets": {
        "GET": Operation(
            "The presets of the configuration.",
            "Presets",
            "catalogue",
            parameters=(
                Parameter("offset", _perhaps(_whole(0, _MOST_OFFSET)), "Presets to pass over."),
                Parameter("limit", _perhaps(_whole(1, 100)), "Presets to a page; 50 if left out."),
            ),
            errors=(400,),
        )
    },
    "/presets/{slug}": {"GET": Operation("One preset, with what it holds.", "PresetData", "catalogue", errors=(404,))},
    "/presets/{slug}/versions": {
        "GET": Operation("A preset's one version.", "PresetVersions", "catalogue", errors=(404,))
    },
    "/presets/{slug}/versions/{version}": {
        "GET": Operation("A version of a preset.", "PresetVersion", "catalogue", errors=(404,))
    },
    "/generation": {
        "GET": Operation(
            "What one answer took and cost; for a fused answer the sum over its calls.",
            "Generation",
            "records",
            parameters=(Parameter("id", TEXT, "The answer's id.", required=True),),
            errors=(400, 404),
        )
    },
    "/fusion/explain": {
        "POST": Operation(
            "What a fusion would do with a chat request, and what that would cost; nobody is asked.",
            "Quote",
            "records",
            body="ChatRequest",
            errors=(400, 402, 403, 404, 413),
        )
    },
    "/fusion/runs": {
        "GET": Operation(
            "The newest runs, a line each.",
            "Runs",
            "records",
            parameters=(
                Parameter("limit", _whole(1, 1000), "Lines; 50 if left out."),
                Parameter("before", TEXT, "The last id of the page before."),
                Parameter("model", TEXT, "The fusion that answered."),
                Parameter("strategy", TEXT, "How it answered, as `vote`."),
                Parameter("outcome", _choice("running", "ok", "failed", "cancelled", "lost"), "How it ended."),
                Parameter("replay_of", TEXT, "The run that was replayed."),
                Parameter("shadow_of", TEXT, "The request in whose shadow it ran."),
                Parameter("since", NUMBER, "Begun then or later; Unix seconds."),
                Parameter("until", NUMBER, "Begun before; Unix seconds."),
            ),
            errors=(400, 404),
        )
    },
    "/fusion/runs/{id}": {
        "GET": Operation("One run, whole; one under way as far as it has come.", "Run", "records", errors=(404,))
    },
    "/fusion/runs/{id}/events": {
        "GET": Operation(
            "A run from its beginning to its end, also while it is under way.",
            None,
            "records",
            parameters=(
                Parameter("Last-Event-ID", TEXT, "The `id` of the last event seen: what came after it.", "header"),
            ),
            event="RunEvent",
            errors=(404, 409),
        )
    },
    "/fusion/runs/{id}/replay": {
        "POST": Operation(
            "Decide otherwise on the answers of a run's members, whom nobody asks again.",
            "ChatCompletion",
            "inference",
            body="ReplayRequest",
            event="ChatCompletionChunk",
            errors=(400, 404, 409, 413),
            asks_a_model=True,
        )
    },
    "/keys": {
        "GET": Operation(
            "All keys, the newest first, a hundred to a page.",
            "Keys",
            "keys",
            "manager",
            parameters=(
                Parameter("offset", {"type": "integer", "minimum": 0}, "Keys to pass over."),
                Parameter("include_disabled", _choice("true", "false"), "`false` leaves out the disabled."),
            ),
            errors=(400,),
        ),
        "POST": Operation(
            "Make a key; this answer alone has its secret.",
            "NewKey",
            "keys",
            "manager",
            status=201,
            body="NewKeyRequest",
            errors=(400, 413),
        ),
    },
    "/keys/{hash}": {
        "GET": Operation("One key.", "KeyData", "keys", "manager", errors=(404,)),
        "PATCH": Operation("Change a key.", "KeyData", "keys", "manager", body="KeyRequest", errors=(400, 404, 413)),
        "DELETE": Operation("Delete a key.", "Deleted", "keys", "manager", errors=(404,)),
    },
    "/key": {"GET": Operation("The key that this request came with.", "CurrentKey", "keys")},
    "/credits": {"GET": Operation("What everything has cost.", "Credits", "records", "owner")},
    "/activity": {
        "GET": Operation(
            "Calls by day and model, of today and 30 days before.",
            "Activity",
            "records",
            "owner",
            parameters=(
                Parameter("date", {"type": "string", "format": "date"}, "One day of them."),
                Parameter("api_key_hash", TEXT, "One key's."),
                Parameter("group_by", _choice("workspace"), "Name the workspace on every row; there is one."),
                Parameter("workspace_id", TEXT, "That workspace's; of another there is nothing."),
            ),
            errors=(400,),
        )
    },
    "/auth/keys": {
        "POST": Operation(
            "Exchange a code for the key it was made for.",
            "RedeemedKey",
            "keys",
            "anybody",
            body="CodeRedemption",
            errors=(400, 413),
        )
    },
    "/auth/keys/code": {
        "POST": Operation(
            "Make a code, for an app that is to have a key.",
            "Code",
            "keys",
            "manager",
            body="CodeRequest",
            errors=(400, 413),
        )
    },
    "/health": {
        "GET": Operation("Whether the gateway can do its work.", "Health", "gateway", "anybody", unprefixed=True)
    },
    "/openapi.json": {"GET": Operation("This document.", "Document", "gateway", "anybody", unprefixed=True)},
}
