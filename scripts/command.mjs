// Running other programs, without a shell.

import { spawn } from "node:child_process";

/** Characters of a quiet program's output that an error shows. */
const SHOWN_CHARACTERS = 4_000;

/** npm is a script on Windows, which only a shell starts. */
const NEEDS_SHELL = new Set(process.platform === "win32" ? ["npm", "npx"] : []);

/**
 * Runs a program and waits for its end; it writes to our output unless `quiet` is set.
 * Options: `cwd`, `env`, `input` (text for its standard input), `quiet`, `timeoutMs`.
 * @returns what it wrote to standard output, when quiet
 * @throws Error when it cannot be started, ends with another code than 0, or takes longer than `timeoutMs`
 */
export function run(program, args, options = {}) {
  const { cwd, env, input, quiet = false, timeoutMs } = options;
  const output = quiet ? "pipe" : "inherit";
  const child = spawn(program, args, {
    cwd,
    env,
    shell: NEEDS_SHELL.has(program),
    stdio: [input === undefined ? "ignore" : "pipe", output, output],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  if (input !== undefined) child.stdin.on("error", () => {}).end(input);
  let text = "";
  let errors = "";
  child.stdout?.setEncoding("utf8").on("data", (chunk) => {
    text += chunk;
  });
  child.stderr?.setEncoding("utf8").on("data", (chunk) => {
    errors = (errors + chunk).slice(-SHOWN_CHARACTERS);
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) return resolve(text);
      const end = signal === null ? `code ${code}` : signal;
      const shown = `${text.slice(-SHOWN_CHARACTERS)}${errors}`.trim();
      const command = [program, ...args].join(" ");
      reject(new Error(`${command} ended with ${end}${shown === "" ? "" : `\n${shown}`}`));
    });
  });
}

/** What a program writes, or undefined when it fails. */
export async function output(program, args, options = {}) {
  try {
    return await run(program, args, { ...options, quiet: true });
  } catch {
    return undefined;
  }
}

/** Whether a program ends with code 0. */
export async function succeeds(program, args, options = {}) {
  return (await output(program, args, options)) !== undefined;
}
