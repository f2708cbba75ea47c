/** What an address on the wire names. Entity names are compared without regard to case. */
export interface Address {
  /** The entity as a token has to name it: lower case, without slashes at the ends. */
  readonly path: string;
  /** Name of the queue in lower case. */
  readonly queue: string;
  readonly deadLetter: boolean;
  readonly management: boolean;
}

const MANAGEMENT = "/$management";
const DEAD_LETTER = "/$deadletterqueue";

/** The path of an address or audience: `sb://host:port/queue`, `/queue` and `queue` are the same. */
export function addressPath(address: string): string {
  const withoutOrigin = address.replace(/^[a-z]+:\/\/[^/]*/i, "");
  return withoutOrigin.replace(/^\/+|\/+$/g, "").toLowerCase();
}

export function parseAddress(address: string): Address {
  const path = addressPath(address);
  const management = path.endsWith(MANAGEMENT);
  const entity = management ? path.slice(0, -MANAGEMENT.length) : path;
  const deadLetter = entity.endsWith(DEAD_LETTER);
  const queue = deadLetter ? entity.slice(0, -DEAD_LETTER.length) : entity;
  return { path, queue, deadLetter, management };
}

/** Whether a token for `granted` is good for `asked`: the same path or one above it, by whole segments. */
export function covers(granted: string, asked: string): boolean {
  return granted === "" || asked === granted || asked.startsWith(`${granted}/`);
}
