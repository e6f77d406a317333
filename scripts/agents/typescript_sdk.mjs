// The client of the TypeScript SDK, which has no model: the script's two calls.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const client = new Client({ name: "scripted", version: "1" });
await client.connect(new StdioClientTransport({ command: "seedance-mcp", args: [], env: process.env }));
const names = (await client.listTools()).tools.map((tool) => tool.name);
if (!names.includes("create_video") || !names.includes("check_video")) throw new Error(`only ${names}`);
const order = { prompt: "a fox. sandbox: instant", model: "seedanceapi/seedance-2-mini", duration: 4 };
const job = (await client.callTool({ name: "create_video", arguments: order })).structuredContent;
let done = {};
while (!done.path) {
  const check = { job_id: job.job_id, wait_seconds: 10 };
  done = (await client.callTool({ name: "check_video", arguments: check })).structuredContent;
}
console.log(done.path);
await client.close();
