/** Node's AI SDK: `streamText` to a UI message stream. `node server.js FD` serves that listener. */

import { createServer } from "node:http";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { streamText } from "ai";

const baseURL = `${process.env.PROVIDER}/v1`;
const openai = createOpenAI({ baseURL, apiKey: "none" });
const anthropic = createAnthropic({ baseURL, apiKey: "none" });
const prompt = "Tell me about the lighthouse at Tern Point.";

const models = {
  "/chat": openai.chat,
  "/responses": openai.responses,
  "/anthropic": anthropic,
};

createServer((request, response) => {
  const url = new URL(request.url, "http://127.0.0.1");
  const model = models[url.pathname](url.searchParams.get("model"));
  // As its documentation has it, a reader who leaves ends the provider's stream.
  const leaving = new AbortController();
  response.on("close", () => leaving.abort());
  streamText({ model, prompt, abortSignal: leaving.signal }).pipeUIMessageStreamToResponse(response);
}).listen({ fd: Number(process.argv[2]) });
