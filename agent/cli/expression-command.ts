import { randomInt } from "node:crypto";
import type { Command } from "commander";
import { readText } from "../config/text-file.ts";
import { AgentError } from "../core/error.ts";
import { compileExpression } from "../core/expression/compile-expression.ts";
import type { EvaluationContext } from "../core/expression/evaluation.ts";
import { EXPRESSION_FUNCTIONS, printSignature } from "../core/expression/functions.ts";
import { printExpression } from "../core/expression/syntax.ts";
import { ExpressionSyntaxError } from "../core/expression/syntax-error.ts";
import {
  createReader,
  parseExpressionCases,
  runExpressionCase,
  toJson,
} from "./expression-cases.ts";
import { writeJson, writeLine } from "./output.ts";
import { printable } from "./table.ts";

const FAILED_EXIT = 1;
const MAX_CASES_BYTES = 64 * 1024 * 1024;

interface EvalFlags {
  readonly set: readonly string[];
  readonly var: readonly string[];
  readonly taken: readonly string[];
  readonly now?: string;
  readonly ast?: boolean;
  readonly json?: boolean;
}

export function addExpressionCommand(program: Command): void {
  const expression = program
    .command("expression")
    .description("try expressions of the attribute-mapping language");
  expression
    .command("eval")
    .description("evaluate an expression and print its value")
    .argument("<expression>", "for example 'Join(\", \", [surname], [givenName])'")
    .option(
      "--set <name=value>",
      "value of an attribute; twice for two values, [..] as JSON",
      collect,
      [],
    )
    .option("--var <name=value>", "setting of the job: %DomainFQDN%, DefaultDomain", collect, [])
    .option("--taken <value>", "value that SelectUniqueValue finds taken", collect, [])
    .option("--now <time>", "time of the evaluation in ISO 8601; not given: now")
    .option("--ast", "print how the expression was read, as JSON, and evaluate nothing")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  hybrid-agent expression eval 'Trim([givenName])' --set givenName=' Ada '
  hybrid-agent expression eval 'Count([proxyAddresses])' --set proxyAddresses='["a","b"]'
  hybrid-agent expression eval 'Append([alias], %DomainFQDN%)' --set alias=ada --var DomainFQDN=@example.com

Exit code 0 when there is a value, 1 when the expression fails for these values, 78 when it cannot be read.`,
    )
    .action(evaluate);
  expression
    .command("test")
    .description("evaluate the expressions of a cases file and compare")
    .argument("<cases.json>", "a file with {cases: [{expr, input, expected}]}")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
A case may also have: fn (what it is about), vars (settings of the job), now (ISO 8601), existing (values that are
taken), match (regex: expected is a pattern; effect: {"$flow": "ignore"}, {"$error": "..."} or true for any, {"$escrow": true} or
{"$value": ..., "$log": "[Redact]"}; ambiguous: literal is right too).
Exit code 0 when all passed, 1 otherwise.`,
    )
    .action(test);
  expression
    .command("functions")
    .description("list the functions with their arguments and an example")
    .argument("[name]", "only those with this in their name")
    .option("--json", "print JSON")
    .action(listFunctions);
}

function collect(value: string, all: readonly string[]): readonly string[] {
  return [...all, value];
}

async function evaluate(text: string, flags: EvalFlags): Promise<void> {
  const compiled = compile(text);
  if (flags.ast === true) return writeJson(compiled.expression);
  const variables = new Map(flags.var.map((one) => splitSetting(one, "--var")));
  const taken = new Set(flags.taken.map((one) => one.toLowerCase()));
  const outcome = compiled.evaluate({
    read: createReader(readSettings(flags.set)),
    variable: (name) => variables.get(name),
    ...surroundings(flags.now),
    isTaken: (value) => taken.has(value.toLowerCase()),
  });
  const failed = outcome.kind === "error" || outcome.kind === "escrow";
  if (failed) process.exitCode = FAILED_EXIT;
  if (flags.json === true) {
    const values = outcome.kind === "value" ? toJson(outcome.value) : undefined;
    return writeJson({
      expression: printExpression(compiled.expression),
      outcome: outcome.kind,
      ...(values === undefined ? {} : { value: values }),
      ...(outcome.kind === "value" ? { redacted: outcome.redacted } : {}),
      ...("message" in outcome ? { message: outcome.message } : {}),
    });
  }
  switch (outcome.kind) {
    case "value":
      return writeLine(
        typeof outcome.value === "string" ? outcome.value : JSON.stringify(toJson(outcome.value)),
      );
    case "ignore":
      return writeLine("ignored: the target is neither written nor cleared");
    default:
      return writeLine(`${outcome.kind}: ${printable(outcome.message)}`);
  }
}

/** @throws AgentError `mapping.invalid` with the place */
function compile(text: string) {
  try {
    return compileExpression(text);
  } catch (error) {
    if (!(error instanceof ExpressionSyntaxError)) throw error;
    throw new AgentError("mapping.invalid", `the expression cannot be read: ${error.message}`, {
      hint: "the functions: hybrid-agent expression functions",
    });
  }
}

/** Text unless it is JSON of a list, a number or a boolean; a name that comes twice has several values. */
function readSettings(all: readonly string[]): Readonly<Record<string, unknown>> {
  const settings = new Map<string, unknown>();
  for (const one of all) {
    const [name, text] = splitSetting(one, "--set");
    const value = readValue(text);
    settings.set(name, settings.has(name) ? [settings.get(name), value].flat() : value);
  }
  return Object.fromEntries(settings);
}

function readValue(text: string): unknown {
  if (!/^\s*\[/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function splitSetting(text: string, flag: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new AgentError("usage", `${flag} takes name=value, not ${printable(text)}`);
}

function surroundings(now: string | undefined): Pick<EvaluationContext, "now" | "random"> {
  const ms = now === undefined ? Date.now() : Date.parse(now);
  if (Number.isNaN(ms))
    throw new AgentError("usage", "--now takes a time such as 2026-01-31T12:00:00Z");
  return { now: ms, random: (bound) => randomInt(bound) };
}

async function test(file: string, flags: { readonly json?: boolean }): Promise<void> {
  const read = await readText(file, MAX_CASES_BYTES);
  if (!read.ok)
    throw new AgentError("input.invalid", `${file} ${read.because}`, { cause: read.cause });
  const cases = parseExpressionCases(read.text, file);
  const results = cases.map((one) => ({
    one,
    verdict: runExpressionCase(one, surroundings(undefined)),
  }));
  const failures = results.flatMap(({ one, verdict }, index) =>
    verdict.passed
      ? []
      : [
          {
            case: index + 1,
            name: one.name,
            expression: one.expression,
            expected: verdict.expected,
            got: verdict.got,
          },
        ],
  );
  const passed = cases.length - failures.length;
  if (failures.length > 0) process.exitCode = FAILED_EXIT;
  if (flags.json === true) return writeJson({ passed, failed: failures.length, failures });
  for (const failure of failures) {
    await writeLine(
      `case ${failure.case} (${printable(failure.name)}): ${printable(failure.expression)}`,
    );
    await writeLine(`  expected ${JSON.stringify(failure.expected)}`);
    await writeLine(`  got      ${JSON.stringify(failure.got)}`);
  }
  return writeLine(`${passed} passed, ${failures.length} failed`);
}

async function listFunctions(
  name: string | undefined,
  flags: { readonly json?: boolean },
): Promise<void> {
  const wanted = (name ?? "").toLowerCase();
  const found = EXPRESSION_FUNCTIONS.filter((one) => one.name.toLowerCase().includes(wanted));
  if (found.length === 0) {
    throw new AgentError("usage", `no function has ${printable(wanted)} in its name`);
  }
  if (flags.json === true) {
    return writeJson(
      found.map((one) => {
        const { name: called, parameters, repeats = [], gives, example } = one;
        return {
          name: called,
          signature: printSignature(one),
          parameters,
          repeats,
          gives,
          example,
        };
      }),
    );
  }
  for (const one of found) {
    await writeLine(printSignature(one));
    await writeLine(`  ${one.gives}`);
    await writeLine(`  ${one.example}`);
  }
}
