import {
  type ScimApp,
  type ScimAppOptions,
  startScimApp,
} from "../../agent/sim/scim-app/server.ts";

export type Json = Readonly<Record<string, unknown>>;

export interface AppReply {
  readonly status: number;
  readonly headers: Headers;
  /** undefined when there is none. */
  readonly body: Json | undefined;
}

export interface AppAsk {
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown;
}

/** An embedded SCIM app and a client of it. */
export interface AppUnderTest {
  readonly app: ScimApp;
  /** What failed for another reason than a request. */
  readonly errors: readonly unknown[];
  /** @param request `GET /Users` */
  ask(request: string, ask?: AppAsk): Promise<AppReply>;
  /** Creates a resource and returns it. */
  create(path: string, body: Json): Promise<Json & { readonly id: string }>;
}

export const USER = "urn:ietf:params:scim:schemas:core:2.0:User";
export const GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group";
export const ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
export const ERROR = "urn:ietf:params:scim:api:messages:2.0:Error";
export const LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
export const PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
export const SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
export const BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

export async function appUnderTest(options: ScimAppOptions = {}): Promise<AppUnderTest> {
  const errors: unknown[] = [];
  const app = await startScimApp({ onError: (error) => errors.push(error), ...options });
  const ask: AppUnderTest["ask"] = async (request, { headers = {}, body } = {}) => {
    const [method = "", path = ""] = request.split(/ (.*)/);
    const isText = typeof body === "string";
    const response = await fetch(`${app.url}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/scim+json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const { status } = response;
    return { status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) };
  };
  const create: AppUnderTest["create"] = async (path, body) => {
    const schema = path === "/Users" ? USER : GROUP;
    const reply = await ask(`POST ${path}`, { body: { schemas: [schema], ...body } });
    if (reply.status !== 201) throw new Error(JSON.stringify(reply.body));
    return reply.body as Json & { id: string };
  };
  return { app, errors, ask, create };
}

export function patchOf(...operations: readonly Json[]): Json {
  return { schemas: [PATCH], Operations: operations };
}

/** The resources of a list. */
export function found(reply: AppReply): readonly Json[] {
  return (reply.body?.["Resources"] ?? []) as readonly Json[];
}
