import type { Log, LogFields } from "../../agent/ports.ts";

/** Keeps what is logged, for tests that look at it. */
export class MemoryLog implements Log {
  readonly lines: { level: string; event: string; fields: LogFields }[] = [];

  error(event: string, fields: LogFields = {}): void {
    this.lines.push({ level: "error", event, fields });
  }

  warn(event: string, fields: LogFields = {}): void {
    this.lines.push({ level: "warn", event, fields });
  }

  info(event: string, fields: LogFields = {}): void {
    this.lines.push({ level: "info", event, fields });
  }

  debug(event: string, fields: LogFields = {}): void {
    this.lines.push({ level: "debug", event, fields });
  }

  child(): Log {
    return this;
  }
}
