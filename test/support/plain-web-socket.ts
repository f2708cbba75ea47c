import { WebSocket } from "ws";

/** For `webSocketOptions`: the client library itself only ever asks for `wss`. */
export class PlainWebSocket extends WebSocket {
  constructor(address: string | URL, protocols?: string | string[]) {
    super(String(address).replace(/^wss:/, "ws:"), protocols);
  }
}
