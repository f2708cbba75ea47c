import type { ConfigReader } from "./config-reader.ts";
import type { TlsOptions, WebSocketOptions } from "./listeners.ts";

/** What a config.json says about where the broker listens; what it leaves out is left to the caller. */
export interface ListenersConfig {
  readonly host?: string;
  readonly port?: number;
  readonly tls?: TlsOptions;
  readonly webSocket?: WebSocketOptions;
}

const MAX_PORT = 65_535;

function readPort(reader: ConfigReader, value: unknown, path: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_PORT) {
    return value;
  }
  reader.say(path, `has to be a whole number from 0 to ${MAX_PORT}`);
  return undefined;
}

function readTls(reader: ConfigReader, value: unknown, path: string): TlsOptions | undefined {
  const object = reader.optionalObject(value, path, ["Port", "Certificate", "Key"]);
  if (object === undefined) return undefined;
  const file = (option: "Certificate" | "Key"): string => {
    if (object[option] === undefined) reader.say(`${path}.${option}`, "is missing");
    return reader.optionalText(object[option], `${path}.${option}`) ?? "";
  };
  const port = readPort(reader, object["Port"], `${path}.Port`);
  return {
    certificate: file("Certificate"),
    key: file("Key"),
    ...(port === undefined ? {} : { port }),
  };
}

function readWebSocket(
  reader: ConfigReader,
  value: unknown,
  path: string,
): WebSocketOptions | undefined {
  const object = reader.optionalObject(value, path, ["Port", "SecurePort"]);
  if (object === undefined) return undefined;
  const port = readPort(reader, object["Port"], `${path}.Port`);
  const securePort = readPort(reader, object["SecurePort"], `${path}.SecurePort`);
  return {
    ...(port === undefined ? {} : { port }),
    ...(securePort === undefined ? {} : { securePort }),
  };
}

/** `UserConfig.Listeners`, which the official emulator does not know. */
export function readListeners(reader: ConfigReader, value: unknown, path: string): ListenersConfig {
  const object = reader.optionalObject(value, path, ["Host", "Port", "Tls", "WebSocket"]);
  if (object === undefined) return {};
  const host = reader.optionalText(object["Host"], `${path}.Host`);
  const port = readPort(reader, object["Port"], `${path}.Port`);
  const tls = readTls(reader, object["Tls"], `${path}.Tls`);
  const webSocket = readWebSocket(reader, object["WebSocket"], `${path}.WebSocket`);
  return {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(tls === undefined ? {} : { tls }),
    ...(webSocket === undefined ? {} : { webSocket }),
  };
}
