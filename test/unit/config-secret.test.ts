import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { format, inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MAX_SECRET_BYTES, Secret } from "../../agent/config/secret.ts";
import { AgentError } from "../../agent/core/error.ts";

const VALUE = "hunter2-Tr0ub4dor";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "config-secret-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

function secretAt(reference: string, env: Record<string, string | undefined> = {}): Secret {
  return new Secret(reference, { folder, env });
}

async function refusal(secret: Secret): Promise<AgentError> {
  const error = await secret.read().then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof AgentError) return error;
  throw new Error("the secret was read");
}

describe("a secret", () => {
  it("is read from the environment each time", async () => {
    const env: Record<string, string> = { PASSWORD: VALUE };
    const secret = secretAt("${env:PASSWORD}", env);
    expect(await secret.read()).toBe(VALUE);
    env["PASSWORD"] = "rotated\n";
    expect(await secret.read()).toBe("rotated");
  });

  it("is read from a file each time, without the line break at its end", async () => {
    const secret = secretAt("${file:password}");
    expect(secret.path).toBe(join(folder, "password"));
    const contents = [`${VALUE}\n`, `${VALUE}\r\n`, VALUE, `\uFEFF${VALUE}`, ` ${VALUE} \n\n`];
    const values: string[] = [];
    for (const content of contents) {
      await writeFile(join(folder, "password"), content);
      values.push(await secret.read());
    }
    expect(values).toEqual([VALUE, VALUE, VALUE, VALUE, ` ${VALUE} \n`]);
  });

  it("is read up to 64 KiB", async () => {
    await writeFile(join(folder, "password"), "x".repeat(MAX_SECRET_BYTES));
    expect(await secretAt("${file:password}").read()).toHaveLength(MAX_SECRET_BYTES);
  });

  it("prints as [secret] wherever it is printed", () => {
    const secret = secretAt("${env:PASSWORD}", { PASSWORD: VALUE });
    expect([
      JSON.stringify({ secret }),
      inspect({ secret }, { depth: 9, showHidden: true }),
      String(secret),
      `${secret}`,
      format("%s %o %j", secret, { secret }, secret),
    ]).toEqual([
      '{"secret":"[secret]"}',
      "{ secret: [secret] }",
      "[secret]",
      "[secret]",
      '[secret] { secret: [secret] } "[secret]"',
    ]);
    expect(Object.keys(secret)).toEqual([]);
  });

  it("that is missing is named by its reference", async () => {
    const error = await refusal(secretAt("${env:NOT_THERE}"));
    expect([error.code, error.message, error.hint]).toEqual([
      "config.invalid",
      "secret ${env:NOT_THERE} is not set in the environment",
      "set the variable in the environment of the agent's service",
    ]);
  });

  it("whose file is unusable is named by its reference", async () => {
    await mkdir(join(folder, "folder"));
    await writeFile(join(folder, "large"), "x".repeat(MAX_SECRET_BYTES + 1));
    await writeFile(join(folder, "binary"), Uint8Array.of(0x68, 0xff, 0xfe));
    await writeFile(join(folder, "empty"), "\n");
    const messages: string[] = [];
    for (const name of ["missing", "folder", "large", "binary", "empty", "empty/below"]) {
      messages.push((await refusal(secretAt(`\${file:${name}}`))).message);
    }
    expect(messages).toEqual([
      "secret ${file:missing} cannot be read (ENOENT)",
      "secret ${file:folder} is not a file",
      "secret ${file:large} is larger than 65536 bytes",
      "secret ${file:binary} is not UTF-8 text",
      "secret ${file:empty} is empty",
      "secret ${file:empty/below} cannot be read (ENOTDIR)",
    ]);
  });

  it("in a pipe is refused at once, instead of waiting for its writer", async () => {
    execFileSync("mkfifo", [join(folder, "pipe")]);
    expect((await refusal(secretAt("${file:pipe}"))).message).toBe(
      "secret ${file:pipe} is not a file",
    );
  });

  it("that is empty in the environment is refused, since a bind with it proves nothing", async () => {
    expect((await refusal(secretAt("${env:EMPTY}", { EMPTY: "" }))).message).toBe(
      "secret ${env:EMPTY} is empty",
    );
  });

  it.each([
    VALUE,
    `x\${env:${VALUE}}`,
    `\${env:${VALUE}}x`,
    `\${env:}`,
    `\${ENV:${VALUE}}`,
    `\${vault:${VALUE}}`,
    `\${file:}`,
    `\${env:${VALUE}}\n`,
  ])("is never written itself, as in case %#", (reference) => {
    let error: unknown;
    try {
      secretAt(reference);
    } catch (cause) {
      error = cause;
    }
    expect(error).toEqual(
      new AgentError(
        "config.invalid",
        "a secret was given itself, expected ${env:NAME} or ${file:/path}",
      ),
    );
    expect(inspect(error)).not.toContain(VALUE);
  });
});
