import type { z } from "zod";
import { AgentError, type ErrorCode } from "../core/error.ts";

export type Path = readonly (string | number)[];

/** One thing that is wrong with a configuration file. Holds no value that could be a secret. */
export interface Problem {
  readonly path: Path;
  /** What is wrong, what was expected. */
  readonly text: string;
}

/** A file with more than this is another file altogether. */
const MAX_PROBLEMS = 50;

/** Longest name of an option that a message repeats. */
const MAX_NAME_LENGTH = 64;

/** `directories[0].bind.password` */
function printPath(path: Path): string {
  let text = "";
  for (const segment of path) {
    if (typeof segment === "number") text += `[${segment}]`;
    else text += `${text === "" ? "" : "."}${printName(segment)}`;
  }
  return text === "" ? "(top)" : text;
}

function printName(name: string): string {
  const short = name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH)}…` : name;
  return /^[\w-]+…?$/.test(short) ? short : JSON.stringify(short);
}

/** The problems of a value that its schema refused, one for each option that is not known. */
export function problemsOf(error: z.core.$ZodError): readonly Problem[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.map((segment) =>
      typeof segment === "number" ? segment : String(segment),
    );
    if (issue.code !== "unrecognized_keys") return [{ path, text: issue.message }];
    const texts = issue.message.split("\n");
    return issue.keys.map((key, at) => ({
      path: [...path, key],
      text: texts[at] ?? "is no option",
    }));
  });
}

export interface ReportOptions {
  readonly code: ErrorCode & ("config.invalid" | "mapping.invalid");
  /** As the message names it. */
  readonly file: string;
  /** Line of the file, from 1. */
  readonly lineOf: (path: Path) => number | undefined;
}

/** All problems as one error, in the order of the file, one a line: `path: what is wrong, what was expected (line n)`. */
export function reportProblems(problems: readonly Problem[], options: ReportOptions): AgentError {
  const placed = problems.map((problem) => ({ ...problem, line: options.lineOf(problem.path) }));
  placed.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  const lines = placed.slice(0, MAX_PROBLEMS).map(({ path, text, line }) => {
    return `  ${printPath(path)}: ${text}${line === undefined ? "" : ` (line ${line})`}`;
  });
  const more = problems.length - lines.length;
  if (more > 0) lines.push(`  and ${more} more`);
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return new AgentError(options.code, `${options.file} has ${count}:\n${lines.join("\n")}`, {
    hint:
      options.code === "config.invalid"
        ? "config/README.md lists every option"
        : "config/README.md says how to write a mapping",
  });
}
