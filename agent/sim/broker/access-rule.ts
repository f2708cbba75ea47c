import { createHmac } from "node:crypto";

/** What a shared access policy may allow. Manage includes the others. */
export type Right = "Listen" | "Send" | "Manage";

export const RIGHTS: readonly Right[] = ["Listen", "Send", "Manage"];

/** A shared access policy as it is declared. */
export interface RuleDeclaration {
  readonly name: string;
  readonly rights: readonly Right[];
  /** The queue it is good for; every queue unless given. */
  readonly queue?: string;
  /**
   * Made from the key of the broker and the name unless given, so that rules of one name at several queues have one
   * connection string.
   */
  readonly primaryKey?: string;
  readonly secondaryKey?: string;
}

/** A shared access policy of the namespace or of one queue. */
export interface AccessRule {
  readonly name: string;
  readonly rights: readonly Right[];
  /** In lower case; undefined for the namespace. */
  readonly queue: string | undefined;
  readonly keys: { primary: string; secondary: string };
}

export type KeyKind = "primary" | "secondary";

/** Names policies: the same name may stand at the namespace and at several queues. */
export interface RuleSelector {
  readonly rule: string;
  /** Only the one of this queue. */
  readonly queue?: string;
}

const MAX_RULES = 600;
const MAX_NAME_CHARACTERS = 256;

export function completeRule(declaration: RuleDeclaration, rootKey: string): AccessRule {
  const { name, rights, queue } = declaration;
  const derive = (kind: KeyKind): string =>
    createHmac("sha256", rootKey).update(`${name}\n${kind}`).digest("base64");
  return {
    name,
    rights,
    queue: queue?.toLowerCase(),
    keys: {
      primary: declaration.primaryKey ?? derive("primary"),
      secondary: declaration.secondaryKey ?? derive("secondary"),
    },
  };
}

/** What is wrong with these policies, each problem with the index of its policy. */
export function ruleProblems(
  rules: readonly RuleDeclaration[],
  queues: readonly string[],
): { readonly index: number; readonly problem: string }[] {
  const problems: { index: number; problem: string }[] = [];
  const seen = new Set<string>();
  const known = new Set(queues.map((queue) => queue.toLowerCase()));
  for (const [index, { name, rights, queue, primaryKey, secondaryKey }] of rules.entries()) {
    const say = (problem: string): void => {
      problems.push({ index, problem });
    };
    if (name === "" || name.length > MAX_NAME_CHARACTERS) say(`'${name}' is no name of a rule`);
    const unknown = rights.filter((right) => !RIGHTS.includes(right));
    if (unknown.length > 0 || rights.length === 0) {
      say(`'${name}' has to have some of the rights Listen, Send, Manage`);
    }
    if (primaryKey === "" || secondaryKey === "") say(`'${name}' has an empty key`);
    if (queue !== undefined && !known.has(queue.toLowerCase())) {
      say(`'${name}' is for the queue '${queue}', which is not declared`);
    }
    const key = `${queue?.toLowerCase() ?? ""}\n${name}`;
    if (seen.has(key)) say(`'${name}' is declared twice`);
    seen.add(key);
  }
  if (rules.length > MAX_RULES) {
    problems.push({ index: MAX_RULES, problem: `there may be at most ${MAX_RULES} rules` });
  }
  return problems;
}

export function allows(rights: readonly Right[], right: Right): boolean {
  return rights.includes(right) || rights.includes("Manage");
}

/** Rights of requests to `$management`; all others need Listen. */
const RIGHT_OF_OPERATION: ReadonlyMap<string, Right> = new Map<string, Right>([
  ["com.microsoft:schedule-message", "Send"],
  ["com.microsoft:cancel-scheduled-message", "Send"],
]);

export function rightOf(operation: string): Right {
  return RIGHT_OF_OPERATION.get(operation) ?? "Listen";
}
