import { RIGHTS, type Right, type RuleDeclaration } from "./access-rule.ts";
import type { ConfigReader } from "./config-reader.ts";

const RULE_OPTIONS = ["Name", "Rights", "PrimaryKey", "SecondaryKey"];

function isRight(value: unknown): value is Right {
  return (RIGHTS as readonly unknown[]).includes(value);
}

/** The `AuthorizationRules` of the namespace or of one queue, as Azure Resource Manager spells them. */
export function readRules(
  reader: ConfigReader,
  value: unknown,
  { path, queue }: { readonly path: string; readonly queue?: string },
): RuleDeclaration[] {
  return reader.list(value, path).map((item, index) => {
    const at = `${path}[${index}]`;
    const object = reader.object(item, at, RULE_OPTIONS);
    const name = reader.optionalText(object["Name"], `${at}.Name`);
    if (object["Name"] === undefined) reader.say(`${at}.Name`, "is missing");
    const rights = reader.list(object["Rights"], `${at}.Rights`);
    if (rights.length === 0 || !rights.every(isRight)) {
      reader.say(`${at}.Rights`, "has to be a list of some of Listen, Send and Manage");
    }
    const primaryKey = reader.optionalText(object["PrimaryKey"], `${at}.PrimaryKey`);
    const secondaryKey = reader.optionalText(object["SecondaryKey"], `${at}.SecondaryKey`);
    return {
      name: name ?? "",
      rights: rights.filter(isRight),
      ...(queue === undefined ? {} : { queue }),
      ...(primaryKey === undefined ? {} : { primaryKey }),
      ...(secondaryKey === undefined ? {} : { secondaryKey }),
    };
  });
}

/** Rules of the same name at the same place. */
export function sayRepeatedRules(
  reader: ConfigReader,
  rules: readonly RuleDeclaration[],
  path: string,
): void {
  const seen = new Set<string>();
  for (const { name } of rules) {
    if (seen.has(name)) reader.say(path, `'${name}' is declared twice`);
    seen.add(name);
  }
}
