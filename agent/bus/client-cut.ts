import type { ServiceBusClient } from "@azure/service-bus";

/** What the client has below its surface. */
interface Inside {
  readonly _connectionContext?: {
    wasConnectionCloseCalled: boolean;
    readonly connection?: { readonly _connection?: AmqpConnection };
  };
}

interface AmqpConnection {
  readonly socket?: { destroy?(): void; end(): void };
  _disconnected(error: Error): void;
}

/**
 * Ends the connection of a client without asking its peer. `close` never ends the socket when the peer is silent: it would
 * stay open for the life of the process, and the broker would go on handing requests to a link that nobody reads.
 * @returns whether there was a connection to cut
 */
export function cutClient(client: ServiceBusClient): boolean {
  const context = (client as unknown as Inside)._connectionContext;
  const connection = context?.connection?._connection;
  if (context === undefined || connection?.socket === undefined) return false;
  // Otherwise the client takes it for a lost connection, and dials again.
  context.wasConnectionCloseCalled = true;
  const { socket } = connection;
  // A WebSocket has no `destroy` here; it ends by itself two seconds after its peer was told.
  if (socket.destroy === undefined) socket.end();
  else socket.destroy();
  // rhea hears of a socket's end from its peer alone.
  connection._disconnected(new Error("the connection was given up"));
  return true;
}
