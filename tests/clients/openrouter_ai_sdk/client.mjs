// OpenRouter's provider for the Vercel AI SDK against Tritium, as its own users write it.

import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { generateText, isStepCount, Output, streamText, tool } from "ai";
import { z } from "zod";

const { TRITIUM_URL, TRITIUM_KEY } = process.env;
const baseURL = `${TRITIUM_URL}/api/v1`;
const openrouter = createOpenRouter({ baseURL, apiKey: TRITIUM_KEY, compatibility: "strict" });
const model = openrouter("vendor/atlas");
const prompt = "What is the capital of France?";
const City = z.object({ city: z.string(), population: z.number() });

export async function chat() {
  const { text, usage, providerMetadata } = await generateText({ model, prompt });
  return { text, input: usage.inputTokens, output: usage.outputTokens, cost: providerMetadata.openrouter.usage.cost };
}

export async function stream() {
  const answer = streamText({ model, prompt, onError() {} });
  const pieces = [];
  for await (const piece of answer.textStream) pieces.push(piece);
  const { outputTokens: output } = await answer.usage;
  const { cost } = (await answer.providerMetadata).openrouter.usage;
  return { text: pieces.join(""), pieces: pieces.length, output, cost };
}

// The SDK's own loop: it runs the tool and sends the result back.
export async function tools() {
  const called = [];
  const weather = tool({
    description: "How warm a city is",
    inputSchema: z.object({ city: z.string() }),
    execute(given) {
      called.push(given);
      return `21 degrees in ${given.city}`;
    },
  });
  const request = { model, prompt: "How warm is Paris?", tools: { weather }, stopWhen: isStepCount(3) };
  const { text } = await generateText(request);
  return { called, text };
}

export async function streamed_tools() {
  const weather = tool({ description: "How warm a city is", inputSchema: z.object({ city: z.string() }) });
  const answer = streamText({ model, prompt, tools: { weather } });
  const [call] = await answer.toolCalls;
  return { name: call.toolName, arguments: call.input };
}

export async function structured() {
  const { output } = await generateText({ model, prompt, output: Output.object({ schema: City }) });
  return output;
}

export async function streamed_structured() {
  const answer = streamText({ model, prompt, output: Output.object({ schema: City }) });
  let last;
  for await (const partial of answer.partialOutputStream) last = partial;
  return last;
}

export async function unknown_model() {
  return failure(generateText({ model: openrouter("vendor-x/atlas"), prompt, maxRetries: 0 }));
}

export async function wrong_key() {
  const stranger = createOpenRouter({ baseURL, apiKey: "sk-wrong" });
  return failure(generateText({ model: stranger("vendor/atlas"), prompt, maxRetries: 0 }));
}

export async function broken_stream() {
  let text = "";
  let seen;
  const broken = openrouter("scripted/say=one%20two%20three;die=2");
  const answer = streamText({ model: broken, prompt, maxRetries: 0, onError({ error }) { seen = error; } });
  try {
    for await (const piece of answer.textStream) text += piece;
  } catch {
    // what went wrong was told to onError
  }
  return { text, message: seen.message };
}

// The SDK has nothing for these two: what its users do is fetch.
export async function models() {
  const { data } = await get("/models");
  return data.map((each) => each.id);
}

export async function generation() {
  const { response } = await generateText({ model, prompt });
  const { data } = await get(`/generation?id=${response.id}`);
  return { same: data.id === response.id, model: data.model, output: data.tokens_completion, cost: data.total_cost };
}

export async function fusion() {
  const { text } = await generateText({ model: openrouter("tritium/fusion"), prompt });
  return { text };
}

async function get(path) {
  const answer = await fetch(baseURL + path, { headers: { Authorization: `Bearer ${TRITIUM_KEY}` } });
  return answer.json();
}

async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return { class: error.name, status: error.statusCode, message: error.message };
  }
  return null;
}
