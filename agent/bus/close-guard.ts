/**
 * A guard for how the client closes links. When a receiver stops and the broker does not answer its drain, the client closes
 * the link in a timer whose failure nobody waits for: a minute later that is an unhandled rejection, which ends the
 * process. A link whose peer is silent counts as closed here; nothing else could be done about it.
 */
import { createRequire } from "node:module";
import { AgentError } from "../core/error.ts";

const PATCHED = Symbol.for("hybrid-sync-agent.close-guard");

interface Link {
  close(options?: object): Promise<void>;
  [PATCHED]?: boolean;
}

/** What the guard uses of the module `rhea-promise`. */
interface RheaPromise {
  readonly Receiver?: { readonly prototype: Link };
}

/**
 * Patches every copy of rhea-promise that @azure/service-bus uses. A second call does nothing.
 * @throws AgentError `internal` when the links are not where they were
 */
export function installCloseGuard(): void {
  const client = createRequire(import.meta.url).resolve("@azure/service-bus");
  const owners = [client, createRequire(client).resolve("@azure/core-amqp")];
  for (const owner of owners) guardLinks(createRequire(owner)("rhea-promise") as RheaPromise);
}

function guardLinks({ Receiver }: RheaPromise): void {
  // Senders and receivers have their `close` from one class, which is not exported.
  const links: unknown = Receiver && Object.getPrototypeOf(Receiver.prototype);
  if (!isLink(links)) {
    throw new AgentError("internal", "rhea-promise cannot be guarded", {
      hint: "reinstall the dependencies from the lockfile: the installed rhea-promise is another one",
    });
  }
  if (links[PATCHED] === true) return;
  const { close } = links;
  links.close = async function (this: Link, options?: object): Promise<void> {
    try {
      await close.call(this, options);
    } catch (error) {
      if (!isTimeout(error)) throw error;
    }
  };
  links[PATCHED] = true;
}

function isLink(value: unknown): value is Link {
  return Object.hasOwn(Object(value) as object, "close");
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === "OperationTimeoutError";
}
