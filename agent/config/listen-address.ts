/** Where an HTTP server of the agent listens. */
export interface ListenAddress {
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
}

export const LISTEN_PATTERN =
  /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9][A-Za-z0-9.-]{0,252}):(\d{1,5})$/;

const MAX_PORT = 65_535;

/** Host and port of `127.0.0.1:9464` or `[::1]:9464`; undefined when the text is none. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const found = LISTEN_PATTERN.exec(text);
  const port = Number(found?.[2]);
  if (found === null || port > MAX_PORT) return undefined;
  return { host: (found[1] ?? "").replace(/^\[|\]$/g, ""), port };
}
