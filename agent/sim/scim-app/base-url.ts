/** A name, an address or an IPv6 address in brackets, each with or without a port (RFC 9110 section 7.2). */
const HOST = /^(?:[a-z0-9._~-]{1,255}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;

/**
 * The base of all locations, as the client named the server.
 * @param own - to be taken when the client says nothing that can be one
 */
export function baseUrl(host: string | undefined, own: string): string {
  return host !== undefined && HOST.test(host) ? `http://${host}` : own;
}
