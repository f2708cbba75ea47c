import { mkdirSync } from "node:fs";
import { createLogger, format, type Logger, transports } from "winston";
import DailyRotateFile from "winston-daily-rotate-file";
import { AgentError } from "../core/error.ts";
import type { Log, LogFields } from "../ports.ts";
import { jsonLine } from "./json-line.ts";
import { prettyLine } from "./pretty-line.ts";
import { redact } from "./redaction.ts";

export interface LogOptions {
  readonly level: "error" | "warn" | "info" | "debug";
  /** Lines on standard error: standard output belongs to what a command prints. */
  readonly console: "pretty" | "json" | "off" | "auto";
  readonly file?:
    | { readonly directory: string; readonly maxSize: string; readonly maxFiles: string }
    | undefined;
}

/** A log that can be closed, and is then written. */
export interface OpenLog extends Log {
  close(): Promise<void>;
}

/**
 * Opens the log: JSON lines, one event a line (`time`, `level`, `event`, then the fields), in files that rotate by
 * day and size; on the console pretty when it is a terminal.
 * @throws AgentError `config.invalid` when the folder cannot be made
 */
export function openLog(options: LogOptions): OpenLog {
  const logger = createLogger({
    level: options.level,
    format: format.printf((line) => jsonLine(line["fields"]) ?? ""),
    transports: [],
  });
  // A full disk must not end the agent; what was being written is lost, the work is not.
  logger.on("error", () => undefined);
  const isPretty =
    options.console === "pretty" || (options.console === "auto" && process.stderr.isTTY === true);
  if (options.console !== "off") {
    const levels = ["error", "warn", "info", "debug"];
    const printed = isPretty
      ? { format: format.printf((line) => prettyLine(line["fields"] as LogFields)) }
      : {};
    logger.add(new transports.Console({ stderrLevels: levels, ...printed }));
  } else if (options.file === undefined) logger.silent = true;
  if (options.file !== undefined) logger.add(openFile(options.file));
  return new WinstonLog(logger, {});
}

function openFile(file: NonNullable<LogOptions["file"]>): DailyRotateFile {
  try {
    mkdirSync(file.directory, { recursive: true, mode: 0o750 });
  } catch (cause) {
    throw new AgentError("config.invalid", `log.file.directory: cannot make ${file.directory}`, {
      cause,
      hint: "check the path and that the agent's account may write there",
    });
  }
  return new DailyRotateFile({
    dirname: file.directory,
    filename: "agent-%DATE%.log",
    datePattern: "YYYY-MM-DD",
    maxSize: file.maxSize,
    maxFiles: file.maxFiles,
    createSymlink: true,
    symlinkName: "agent.log",
    auditFile: `${file.directory}/.rotation.json`,
  });
}

class WinstonLog implements OpenLog {
  readonly #logger: Logger;
  readonly #fields: LogFields;

  constructor(logger: Logger, fields: LogFields) {
    this.#logger = logger;
    this.#fields = fields;
  }

  error(event: string, fields: LogFields = {}): void {
    this.#write("error", event, fields);
  }

  warn(event: string, fields: LogFields = {}): void {
    this.#write("warn", event, fields);
  }

  info(event: string, fields: LogFields = {}): void {
    this.#write("info", event, fields);
  }

  debug(event: string, fields: LogFields = {}): void {
    this.#write("debug", event, fields);
  }

  child(fields: LogFields): Log {
    return new WinstonLog(this.#logger, { ...this.#fields, ...fields });
  }

  #write(level: string, event: string, fields: LogFields): void {
    if (!this.#logger.isLevelEnabled(level)) return;
    const time = new Date().toISOString();
    const line = { time, level, event, ...(redact({ ...this.#fields, ...fields }) as object) };
    this.#logger.log({ level, message: event, fields: line });
  }

  async close(): Promise<void> {
    // The logger finishes before its files do.
    const files = this.#logger.transports.filter(
      (transport) => transport instanceof DailyRotateFile,
    );
    const finished = files.map(
      (transport) => new Promise((resolve) => transport.once("finish", resolve)),
    );
    this.#logger.end();
    await Promise.all(finished);
  }
}
