export type JsonObject = Readonly<Record<string, unknown>>;

/** Reads a JSON document part by part and collects every problem with its path. */
export class ConfigReader {
  readonly problems: string[] = [];

  say(path: string, problem: string): void {
    this.problems.push(`${path}: ${problem}`);
  }

  object(value: unknown, path: string, known: readonly string[]): JsonObject {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.say(path, "has to be an object");
      return {};
    }
    const object = value as JsonObject;
    for (const key of Object.keys(object)) {
      if (!known.includes(key)) this.say(`${path}.${key}`, "is not a known option");
    }
    return object;
  }

  /** Undefined when there is none. */
  optionalObject(value: unknown, path: string, known: readonly string[]): JsonObject | undefined {
    return value === undefined ? undefined : this.object(value, path, known);
  }

  /** Empty when there is none. */
  list(value: unknown, path: string): readonly unknown[] {
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    this.say(path, "has to be a list");
    return [];
  }

  optionalText(value: unknown, path: string): string | undefined {
    if (value === undefined || (typeof value === "string" && value !== "")) return value;
    this.say(path, "has to be a text");
    return undefined;
  }
}
