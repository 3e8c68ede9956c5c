"""POST /messages and POST /messages/count_tokens."""

from __future__ import annotations

from tritium.api.answering import send_answer
from tritium.api.exchange import Headers
from tritium.api.fusion_depth import at_one_level
from tritium.api.messages.encoder import MessagesEncoder
from tritium.api.messages.estimate import estimated_tokens
from tritium.api.messages.request import read_request
from tritium.api.metadata import answer_with_metadata, wants_metadata
from tritium.api.session import in_session
from tritium.api.visit import Visit
from tritium.catalog.catalog import Catalog
from tritium.chat import ChatRequest
from tritium.errors import UnknownModel
from tritium.fusion.doors import Doored
from tritium.fusion.fusion import Fusion
from tritium.gateway import Exchange
from tritium.providers.betas import FIELD as BETAS
from tritium.providers.betas import split_betas
from tritium.providers.functions import refuse_anthropics
from tritium.routing.fallback import Fallback


async def messages(visit: Visit) -> None:
    """Answer one Messages request.

    Raises:
        TritiumError: before anything was sent; the caller renders it.
    """
    gateway = visit.services.gateway
    request = in_session(visit, _named(_with_betas(visit, read_request(await visit.body())), gateway.catalog))
    request = at_one_level(visit, request)
    _refuse_what_a_fusion_lacks(request, gateway.catalog)
    if wants_metadata(visit):
        await answer_with_metadata(
            visit, request, lambda exchange: MessagesEncoder(exchange.call.id, request), _anthropics_headers
        )
        return
    exchange = gateway.chat(request, caller=visit.caller)
    await send_answer(visit, exchange, MessagesEncoder(exchange.call.id, request), _anthropics_headers(exchange))


async def count_tokens(visit: Visit) -> None:
    """Say how many input tokens a request would have: an estimate, see `estimate.py`.

    Raises:
        InvalidRequest, UnknownModel: the request could not be answered either.
    """
    catalog = visit.services.gateway.catalog
    request = catalog.prepared(_named(read_request(await visit.body()), catalog))
    catalog.route(request)
    await visit.json({"input_tokens": estimated_tokens(request)})


def _with_betas(visit: Visit, request: ChatRequest) -> ChatRequest:
    """The request with the betas that its header names; which of them go on, a provider that knows them decides."""
    headers = [value.decode("latin-1") for name, value in visit.scope["headers"] if name == b"anthropic-beta"]
    betas = [name for header in headers for name in split_betas(header)]
    return request.replace(**{BETAS: betas}) if betas else request


def _anthropics_headers(exchange: Exchange) -> Headers:
    return [(b"request-id", exchange.call.id.encode())]


def _refuse_what_a_fusion_lacks(request: ChatRequest, catalog: Catalog) -> None:
    """A single model's provider knows which tools it has; a panel would answer as if they had not been offered."""
    tools = request.body.tools or ()
    if all(tool.get("type") == "function" for tool in tools):
        return
    model = catalog.route(catalog.prepared(request))
    model = model.model if isinstance(model, Doored) else model
    if any(isinstance(each, Fusion) for each in (model.models if isinstance(model, Fallback) else (model,))):
        refuse_anthropics(tools, "a fusion")


def _named(request: ChatRequest, catalog: Catalog) -> ChatRequest:
    """Anthropic's clients name Claude without its provider; a model of one's own by that name goes first."""
    name = request.model
    if "/" in name or not name.startswith("claude"):
        return request
    try:
        catalog.resolve(name)
    except UnknownModel:
        return request.replace(model=f"anthropic/{name}")
    return request
