import { readFile } from "node:fs/promises";
import type { TargetConfig } from "../config/provisioning-config.ts";
import { AgentError } from "../core/error.ts";
import { ScimTarget, type ScimTargetParts } from "../target/scim-target.ts";

/**
 * The target of a job; its token is read again when it changes.
 * @throws AgentError `config.invalid` when the file of authorities cannot be read
 */
export async function openTarget(
  target: Pick<
    TargetConfig,
    "url" | "style" | "concurrency" | "timeoutMs" | "pageSize" | "memberBatch"
  > & {
    readonly ca?: string | undefined;
    readonly token?: { read(): Promise<string> } | undefined;
  },
  parts: Pick<ScimTargetParts, "log" | "onExchange" | "onPlanned">,
): Promise<ScimTarget> {
  const { url, style, token, ca, concurrency, timeoutMs, pageSize, memberBatch } = target;
  return new ScimTarget(
    {
      ...{ url, concurrency, timeoutMs, pageSize, memberBatch },
      style: style === "entra-2020" ? "aadOptscim062020" : style,
      ...(ca === undefined ? {} : { ca: await readAuthorities(ca) }),
    },
    {
      ...parts,
      clock: { now: () => Date.now() },
      random: () => Math.random(),
      readToken: async () => token?.read(),
    },
  );
}

async function readAuthorities(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new AgentError("config.invalid", `target.ca: ${path} cannot be read`, { cause });
  }
}
