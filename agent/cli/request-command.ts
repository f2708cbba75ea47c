import { randomUUID } from "node:crypto";
import { type Command, Option } from "commander";
import { AgentError, ERROR_CODES } from "../core/error.ts";
import { replyElements } from "../core/reply-elements.ts";
import type { Reply } from "../ports.ts";
import { openRequester } from "../service/open-requester.ts";
import { readJsonFile } from "./config-command.ts";
import { interruptSignal, openCommandLog, readConfig } from "./context.ts";
import { writeJson, writeLine } from "./output.ts";
import { Progress } from "./progress.ts";

interface RequestFlags {
  readonly config?: string;
  readonly filter?: string;
  readonly attributes?: string;
  readonly excludedAttributes?: string;
  readonly body?: string;
  readonly stream?: boolean;
  readonly directory?: string;
  readonly replyQueue?: string;
  readonly timeout: number;
  readonly idleTimeout: number;
  readonly retry?: boolean;
  readonly json?: boolean;
}

const SEARCH_REQUEST = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
const DEFAULT_TIMEOUT_S = 600;
const DEFAULT_IDLE_TIMEOUT_S = 60;

export function addRequestCommand(program: Command): void {
  program
    .command("request")
    .description(
      "send one request through the queue, as the cloud side would, and print the answer",
    )
    .argument("<method>", "GET, POST, …")
    .argument("<path>", "/Users/.search, /Users/{id}, /.delta, /agent/health, …")
    .option("-c, --config <file>", "configuration of the agent, for its bus section")
    .option("--filter <filter>", 'SCIM filter of a search: userName eq "ada"')
    .option("--attributes <names>", "only these attributes, separated by commas")
    .option("--excluded-attributes <names>", "all but these attributes, separated by commas")
    .option("--body <file>", "JSON file to send as the body")
    .option("--stream", "take as many parts as the answer needs; prints one element a line")
    .option("-d, --directory <name>", "directory that is meant, when the agent serves several")
    .option(
      "--reply-queue <queue>",
      "queue for the answer; the first of bus.replyQueues when not given",
    )
    .addOption(
      new Option("--timeout <seconds>", "how long to wait for the whole answer")
        .default(DEFAULT_TIMEOUT_S)
        .argParser((text) => parseSeconds(text, "--timeout")),
    )
    .addOption(
      new Option("--idle-timeout <seconds>", "how long nothing of the answer may come")
        .default(DEFAULT_IDLE_TIMEOUT_S)
        .argParser((text) => parseSeconds(text, "--idle-timeout")),
    )
    .option(
      "--retry",
      "try again within the time-out when the failure may pass: bus or agent away, 503 (reads only)",
    )
    .option("--json", "print status, headers and body as one JSON document")
    .addHelpText(
      "after",
      `
A query belongs into the options: GET /Users?filter=… is sent as POST /Users/.search.

Examples:
  hybrid-agent request GET /agent/health
  hybrid-agent request POST /Users/.search --filter 'userName eq "ada"'
  hybrid-agent request POST /.delta --stream > everything.jsonl

Exit code 0 for a status below 400, 76 for 4xx, 75 for 5xx and when no answer came in time.`,
    )
    .action(sendRequest);
}

function parseSeconds(text: string, option: string): number {
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds > 0 && seconds <= 86_400) return seconds;
  throw new AgentError("usage", `${option} takes seconds from 1 to 86400, not ${text}`);
}

async function sendRequest(method: string, path: string, flags: RequestFlags): Promise<void> {
  const { config } = await readConfig(flags.config);
  const target = rewriteQuery({ method: method.toUpperCase(), path, body: await bodyOf(flags) });
  const log = openCommandLog();
  const { replyQueue, retry } = flags;
  const requester = await openRequester(config.bus, { log, replyQueue, retry });
  const progress = new Progress("elements came");
  try {
    const reply = await requester.request(
      {
        ...target,
        headers: flags.directory === undefined ? {} : { directory: flags.directory },
        stream: flags.stream === true,
        correlationId: randomUUID(),
        timeoutMs: flags.timeout * 1000,
        idleTimeoutMs: flags.idleTimeout * 1000,
      },
      { onProgress: ({ items }) => progress.update(items) },
      interruptSignal(),
    );
    progress.end();
    await printReply(reply, flags);
    if (reply.status >= 500) process.exitCode = ERROR_CODES["reply.unavailable"].exit;
    else if (reply.status >= 400) process.exitCode = ERROR_CODES["reply.refused"].exit;
  } finally {
    progress.end();
    await requester.close();
    await log.close();
  }
}

async function bodyOf(flags: RequestFlags): Promise<unknown> {
  const search = {
    ...(flags.filter === undefined ? {} : { filter: flags.filter }),
    ...(flags.attributes === undefined ? {} : { attributes: flags.attributes.split(",") }),
    ...(flags.excludedAttributes === undefined
      ? {}
      : { excludedAttributes: flags.excludedAttributes.split(",") }),
  };
  if (flags.body === undefined) {
    return Object.keys(search).length === 0 ? undefined : { schemas: [SEARCH_REQUEST], ...search };
  }
  if (Object.keys(search).length > 0) {
    throw new AgentError(
      "usage",
      "--body stands alone: put the filter and the attributes into the file",
    );
  }
  return readJsonFile(flags.body);
}

interface Target {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** The bus carries no query (it decodes the path, which loses what a filter needs): it becomes a search. */
function rewriteQuery(target: Target): Target {
  const [path = "", query] = target.path.split("?", 2);
  if (query === undefined) {
    const isList =
      target.method === "GET" && /^\/(?:Users|Groups)?$/.test(path) && target.body !== undefined;
    return isList
      ? { ...target, method: "POST", path: `${path.replace(/\/$/, "")}/.search` }
      : target;
  }
  const parameters = new URLSearchParams(query);
  const attributes = parameters.get("attributes")?.split(",");
  const excludedAttributes = parameters.get("excludedAttributes")?.split(",");
  const filter = parameters.get("filter") ?? undefined;
  return {
    method: "POST",
    path: `${path.replace(/\/$/, "")}/.search`,
    body: { schemas: [SEARCH_REQUEST], filter, attributes, excludedAttributes },
  };
}

async function printReply(reply: Reply, flags: RequestFlags): Promise<void> {
  process.stderr.write(`${reply.status}, ${reply.parts} ${reply.parts === 1 ? "part" : "parts"}\n`);
  if (flags.stream === true && reply.status < 400 && flags.json !== true) {
    for await (const element of replyElements(reply.documents()))
      await writeLine(JSON.stringify(element));
    return;
  }
  const documents: unknown[] = [];
  for await (const document of reply.documents()) documents.push(document);
  const body = documents.length === 1 ? documents[0] : documents;
  if (flags.json !== true) return writeJson(body);
  await writeJson({ status: reply.status, headers: Object.fromEntries(reply.headers), body });
}
