import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { isLoopback } from "../config/ldap-url.ts";
import { AgentError } from "../core/error.ts";
import { type CheckStep, checkTarget } from "../provisioning/scim-check/check-target.ts";
import type { CheckExchange } from "../provisioning/scim-check/exchange.ts";
import { toHar } from "../provisioning/scim-check/har.ts";
import { openTarget } from "../service/open-target.ts";
import { PRODUCT, readVersion } from "../service/version.ts";
import { interruptSignal, openCommandLog } from "./context.ts";
import { writeJson, writeLine } from "./output.ts";
import { printable } from "./table.ts";

const TOKEN = "HYBRID_SCIM_TOKEN";
const STYLES = ["entra", "entra-2020", "rfc7644"] as const;
const TIMEOUT_MS = 30_000;
/** Two users are two pages. */
const PAGE_SIZE = 1;
const MEMBER_BATCH = 100;
const FAILED_EXIT = 1;

interface CheckFlags {
  readonly token?: string;
  readonly style: (typeof STYLES)[number];
  readonly ca?: string;
  readonly har?: string;
  readonly json?: boolean;
}

export function addScimCommand(program: Command): void {
  const scim = program.command("scim").description("for people who write a SCIM app");
  scim
    .command("check")
    .description("play the life of people and groups at a SCIM app, as Microsoft Entra would")
    .argument("<url>", "base URL of the app, to which /Users is added")
    .option("--token <token>", `bearer token; better in ${TOKEN}, where nobody else sees it`)
    .option("--style <style>", `shape of the requests: ${STYLES.join(", ")}`, parseStyle, "entra")
    .option("--ca <file>", "PEM file with the authorities to trust")
    .option(
      "--har <file>",
      "write all requests and answers there (HTTP Archive, without the token)",
    )
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
It makes two users and a group whose names begin with check-, and deletes them at the end.
Exit code 0 when nothing was found, 1 otherwise.`,
    )
    .action(check);
}

function parseStyle(text: string): CheckFlags["style"] {
  const style = STYLES.find((name) => name === text);
  if (style !== undefined) return style;
  throw new AgentError("usage", `${text} is no style, expected one of ${STYLES.join(", ")}`);
}

async function check(url: string, flags: CheckFlags): Promise<void> {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new AgentError("usage", `${url} is no http or https URL`);
  }
  const token = flags.token ?? process.env[TOKEN];
  refuseOpenToken(url, token);
  const all: CheckExchange[] = [];
  let told = 0;
  const log = openCommandLog("error");
  const target = await openTarget(
    {
      ...{ url, style: flags.style, concurrency: 1, timeoutMs: TIMEOUT_MS },
      ...{ pageSize: PAGE_SIZE, memberBatch: MEMBER_BATCH, ca: flags.ca },
      token: token === undefined ? undefined : { read: async () => token },
    },
    { log, onExchange: (exchange) => all.push(toCheckExchange(exchange)) },
  );
  try {
    const steps = await checkTarget(
      target,
      {
        prefix: `check-${randomBytes(4).toString("hex")}`,
        exchanges: () => {
          const since = all.slice(told);
          told = all.length;
          return since;
        },
        onStep: (step) => {
          if (flags.json !== true) process.stdout.write(`${printable(printStep(step))}\n`);
        },
      },
      interruptSignal(),
    );
    const failed = steps.filter(({ verdict }) => verdict === "failed");
    if (flags.json === true) await writeJson({ url, style: flags.style, steps });
    else {
      for (const step of failed) await writeLine(printFinding(step));
      await writeLine(`\n${steps.length} tried, ${failed.length} with a finding`);
    }
    if (failed.length > 0) process.exitCode = FAILED_EXIT;
  } finally {
    await target.close();
    await log.close();
    if (flags.har !== undefined) {
      const har = toHar(all, { name: PRODUCT, version: readVersion() });
      await writeFile(flags.har, JSON.stringify(har, undefined, 2), { mode: 0o600 });
    }
  }
}

/** @throws AgentError `usage` when the token would cross a network in the clear */
function refuseOpenToken(url: string, token: string | undefined): void {
  const { protocol, hostname } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  if (token === undefined || protocol === "https:" || isLoopback(host)) return;
  throw new AgentError("usage", `the token would go to ${host} unencrypted`, {
    hint: "use https, or run the check on the machine of the app",
  });
}

function printStep({ name, verdict, detail }: CheckStep): string {
  return `${verdict === "passed" ? "ok     " : "FINDING"} ${name}${detail === "" ? "" : `: ${detail}`}`;
}

/** What was sent, what came, and what Entra would make of it. */
function printFinding({ name, detail, meaning, exchanges }: CheckStep): string {
  const lines = exchanges.flatMap(({ method, url, requestBody, status, responseBody }) => [
    `  -> ${method} ${url}`,
    ...(requestBody === undefined ? [] : [`     ${requestBody}`]),
    `  <- ${status ?? "no answer"}`,
    ...(responseBody === "" ? [] : [`     ${responseBody}`]),
  ]);
  return [`\n${name}: ${detail}`, `  with Entra: ${meaning ?? ""}`, ...lines]
    .map((line, at) => (at === 0 ? `\n${printable(line.trimStart())}` : printable(line)))
    .join("\n");
}

interface Exchange {
  readonly requestId: string;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly origin: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string | undefined;
  };
  readonly result:
    | {
        readonly kind: "answered";
        readonly status: number;
        readonly headers: ReadonlyMap<string, string>;
        readonly text: string;
      }
    | { readonly kind: "failed" };
}

function toCheckExchange({ origin, request, result, ...rest }: Exchange): CheckExchange {
  const { method, path, headers, body } = request;
  const answered = result.kind === "answered" ? result : undefined;
  const { requestId, startedAt, durationMs } = rest;
  return {
    ...{ requestId, startedAt, durationMs, method },
    ...{ url: `${origin}${path}`, requestHeaders: headers, requestBody: body },
    status: answered?.status,
    responseHeaders: Object.fromEntries(answered?.headers ?? []),
    responseBody: answered?.text ?? "",
  };
}
