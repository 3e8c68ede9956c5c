// openai-node against Tritium, as its own users write it.

import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const { TRITIUM_URL, TRITIUM_KEY } = process.env;
const client = new OpenAI({ baseURL: `${TRITIUM_URL}/v1`, apiKey: TRITIUM_KEY, maxRetries: 0 });
const model = "vendor/atlas";
const messages = [{ role: "user", content: "What is the capital of France?" }];
const City = z.object({ city: z.string(), population: z.number() });
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

export async function chat() {
  const answer = await client.chat.completions.create({ model, messages });
  const { prompt_tokens: input, completion_tokens: output, cost } = answer.usage;
  return { text: answer.choices[0].message.content, input, output, cost };
}

export async function stream() {
  const chunks = await client.chat.completions.create({
    model,
    messages,
    stream: true,
    stream_options: { include_usage: true },
  });
  const pieces = [];
  let usage;
  for await (const chunk of chunks) {
    if (chunk.choices[0]?.delta.content) pieces.push(chunk.choices[0].delta.content);
    usage = chunk.usage ?? usage;
  }
  return { text: pieces.join(""), pieces: pieces.length, output: usage.completion_tokens, cost: usage.cost };
}

// The SDK's own loop: it calls the function with what the model asks for and sends the result back.
export async function tools() {
  const called = [];
  const weather = (given) => {
    called.push(given);
    return `21 degrees in ${given.city}`;
  };
  const runner = client.chat.completions.runTools({
    model,
    messages: [{ role: "user", content: "How warm is Paris?" }],
    tools: [{ type: "function", function: { name: "weather", parameters, parse: JSON.parse, function: weather } }],
  });
  return { called, text: await runner.finalContent() };
}

export async function streamed_tools() {
  const runner = client.chat.completions.stream({
    model,
    messages,
    tools: [{ type: "function", function: { name: "weather", parameters } }],
  });
  const [call] = (await runner.finalChatCompletion()).choices[0].message.tool_calls;
  return { name: call.function.name, arguments: JSON.parse(call.function.arguments) };
}

export async function structured() {
  const answer = await client.chat.completions.parse({
    model,
    messages,
    response_format: zodResponseFormat(City, "city"),
  });
  return answer.choices[0].message.parsed;
}

export async function responses() {
  const answer = await client.responses.create({ model, input: "What is the capital of France?" });
  return { text: answer.output_text, input: answer.usage.input_tokens, output: answer.usage.output_tokens };
}

export async function streamed_responses() {
  const events = client.responses.stream({ model, input: "What is the capital of France?" });
  let pieces = 0;
  for await (const event of events) pieces += event.type === "response.output_text.delta";
  const answer = await events.finalResponse();
  return { text: answer.output_text, pieces, output: answer.usage.output_tokens };
}

export async function responses_tools() {
  const input = [{ role: "user", content: "How warm is Paris?" }];
  const tool = { type: "function", name: "weather", parameters, strict: false };
  const asked = await client.responses.create({ model, input, tools: [tool] });
  const call = asked.output.find((item) => item.type === "function_call");
  const result = { type: "function_call_output", call_id: call.call_id, output: "21 degrees in Paris" };
  const answer = await client.responses.create({ model, input: [...input, ...asked.output, result], tools: [tool] });
  return { called: [JSON.parse(call.arguments)], text: answer.output_text };
}

export async function structured_responses() {
  const answer = await client.responses.parse({
    model,
    input: "Where?",
    text: { format: zodTextFormat(City, "city") },
  });
  return answer.output_parsed;
}

export async function unknown_model() {
  return failure(client.chat.completions.create({ model: "vendor-x/atlas", messages }));
}

export async function wrong_key() {
  return failure(client.withOptions({ apiKey: "sk-wrong" }).chat.completions.create({ model, messages }));
}

export async function broken_stream() {
  const request = { model: "scripted/say=one%20two%20three;die=2", messages, stream: true };
  let text = "";
  const reading = async () => {
    for await (const chunk of await client.chat.completions.create(request)) text += chunk.choices[0].delta.content;
  };
  return { ...(await failure(reading())), text };
}

export async function models() {
  const found = [];
  for await (const each of client.models.list()) found.push(each.id);
  return found;
}

export async function generation() {
  const { data, response } = await client.chat.completions.create({ model, messages }).withResponse();
  const id = response.headers.get("x-generation-id");
  const row = await client.get(`/generation?id=${id}`);
  const { model: asked, tokens_completion: output, total_cost: cost } = row.data;
  return { same: row.data.id === data.id, model: asked, output, cost };
}

export async function fusion() {
  const answer = await client.chat.completions.create({ model: "tritium/fusion", messages });
  return { text: answer.choices[0].message.content, seats: answer.fusion.seats.length };
}

async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return { class: error.constructor.name, status: error.status, message: error.message };
  }
  return null;
}
