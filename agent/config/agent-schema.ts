import { z } from "zod";
import { busSection } from "./bus-section.ts";
import { CRON_FORM, isCron } from "./cron.ts";
import { directorySection } from "./directory-section.ts";
import { isLoopback } from "./ldap-url.ts";
import { LISTEN_PATTERN, parseListenAddress } from "./listen-address.ts";
import {
  bool,
  choice,
  duration,
  EVEN_WHEN_WRONG,
  expected,
  memberOf,
  path,
  refuseTwins,
  section,
  text,
} from "./option.ts";
import { scimSection } from "./scim-section.ts";
import type { Secret, SecretContext } from "./secret.ts";

const HOUR_MS = 3_600_000;

/** Each keeps connections and an index of its own. */
const MAX_DIRECTORIES = 32;

/**
 * The one description of `agent.yaml`: checks, defaults, types, JSON Schema, example and option table come from it.
 * The context is what paths and secrets are relative to.
 */
export function createAgentSchema(context: SecretContext) {
  return section({
    version: z
      .literal(1, expected("1"))
      .meta({ title: "1" })
      .describe("Version of this file's format."),
    agent: agentSection().prefault({}).describe("The agent itself."),
    bus: busSection(context).describe(
      "Azure Service Bus: where requests come from and replies go to.",
    ),
    directories: z
      .array(directorySection(context), expected(`a list of 1 to ${MAX_DIRECTORIES} directories`))
      .min(1)
      .max(MAX_DIRECTORIES)
      .superRefine(
        (input, issues) =>
          refuseTwins(input, issues, { keyOf: (name) => name.toLowerCase(), at: "name" }),
        EVEN_WHEN_WRONG,
      )
      .describe("Directories that the agent reads."),
    writes: section({
      enabled: offOnly("this version only reads directories").describe(
        "Writing to the directories. This version only reads, so that `false` is the one value.",
      ),
    })
      .prefault({})
      .describe("Changes in the directories."),
    status: statusSection().prefault({}).describe("Health and metrics over HTTP."),
    scim: scimSection(context).prefault({}).describe("SCIM over HTTP."),
    log: logSection(context).prefault({}).describe("What the agent writes about its work."),
  });
}

function agentSection() {
  return section({
    name: text({
      form: "a name of at most 128 characters without line breaks",
      pattern: /^[\x20-\x7e]+$/,
      maxLength: 128,
      title: "name",
    })
      .optional()
      .describe("Name that replies and logs carry. Not given: the host name of the machine."),
    heartbeat: z
      .string(expected(CRON_FORM))
      .max(256)
      .refine(isCron)
      .meta({ title: "cron expression" })
      .default("*/5 * * * *")
      .describe("When to log that the agent lives, as a cron expression."),
    stopTimeout: duration(0, HOUR_MS)
      .prefault("30s")
      .describe("How long work that was begun may go on once the agent is told to stop."),
  }).transform(({ stopTimeout, ...agent }) => ({ ...agent, stopTimeoutMs: stopTimeout }));
}

/** An option that a later version may turn on. */
function offOnly(reason: string) {
  return z
    .literal(false, {
      error: (issue) =>
        `is ${issue.input === true ? "true" : "malformed"}, expected false: ${reason}`,
    })
    .meta({ title: "false" })
    .default(false);
}

function statusSection() {
  return section({
    enabled: bool().default(false).describe("Serve health and metrics."),
    listen: text({
      form: "host:port such as 127.0.0.1:9464",
      pattern: LISTEN_PATTERN,
      title: "host:port",
    })
      .refine((input) => !LISTEN_PATTERN.test(input) || parseListenAddress(input) !== undefined)
      .transform((input) => parseListenAddress(input) ?? { host: "", port: 0 })
      .meta({ title: "host:port" })
      .prefault("127.0.0.1:9464")
      .describe("Address to listen on. Port 0 takes any free one."),
    allowRemote: bool()
      .default(false)
      .describe(
        "Listen on an address that other machines reach. They then read health and metrics without signing in.",
      ),
  }).superRefine((status, issues) => {
    const host = memberOf(status, "listen", "host");
    if (typeof host !== "string" || isLoopback(host)) return;
    if (memberOf(status, "allowRemote") === true) return;
    issues.addIssue({
      code: "custom",
      path: ["listen"],
      message:
        "can be reached from other machines, expected 127.0.0.1, or status.allowRemote: true to let them read it without signing in",
    });
  }, EVEN_WHEN_WRONG);
}

export function logSection(context: SecretContext) {
  return section({
    level: choice(["error", "warn", "info", "debug"])
      .default("info")
      .describe(
        "Least important lines to write. `error`: someone must act. `warn`: the agent coped. `info`: one line per request. `debug`: one line per entry.",
      ),
    console: choice(["pretty", "json", "off", "auto"])
      .default("auto")
      .describe("Lines on standard error. `auto`: `pretty` on a terminal, else `json`."),
    file: section({
      directory: path(context).describe("Folder of the log files, which are JSON lines."),
      maxSize: text({
        form: "a size such as 500k, 20m or 1g",
        pattern: /^[1-9]\d{0,3}[kmg]$/,
        title: "size",
      })
        .default("20m")
        .describe("Size at which a new file is begun: a number with k, m or g for KiB, MiB, GiB."),
      maxFiles: text({
        form: "a number of days such as 14d",
        pattern: /^[1-9]\d{0,3}d$/,
        title: "days",
      })
        .default("14d")
        .describe("How many days files are kept, such as `14d`."),
    })
      .optional()
      .describe("Log files, besides the console. Not given: none."),
    values: bool()
      .default(false)
      .describe(
        "Write values of people's attributes to `debug` lines. Personal data is then in the logs.",
      ),
  });
}

export type DeepReadonly<T> = T extends Secret
  ? T
  : T extends readonly (infer Element)[]
    ? readonly DeepReadonly<Element>[]
    : T extends object
      ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
      : T;

/** What the file says, before the mappings it names are read. */
export type AgentFile = DeepReadonly<z.output<ReturnType<typeof createAgentSchema>>>;
