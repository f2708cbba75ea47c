import { AgentError } from "../core/error.ts";
import type { PatchStyle } from "../core/scim/patch-style.ts";
import type { ScimRequest } from "./scim-request.ts";

/** Is appended to the tenant URL to choose the style, and means nothing to the target. */
const STYLE_FLAGS: ReadonlySet<string> = new Set(["aadoptscim062020", "azureadscimpatch2017"]);

/** Where the target is, and how paths and queries are written for it. */
export class TargetUrl {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Host and port, for messages. */
  readonly host: string;
  readonly #basePath: string;
  /** Parameters of the base URL, which go with every request. */
  readonly #baseQuery: readonly (readonly [string, string])[];
  readonly #style: PatchStyle;

  /**
   * @param text base URL of the service provider, with or without a slash at its end
   * @throws AgentError `config.invalid`: no URL of http or https, or one with a user or password
   */
  constructor(text: string, style: PatchStyle) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol)) {
      throw new AgentError("config.invalid", "the target's URL is not one of http or https");
    }
    if (url.username !== "" || url.password !== "") {
      throw new AgentError("config.invalid", "the target's URL holds a user or a password", {
        hint: "the token has an option of its own",
      });
    }
    this.origin = url.origin;
    this.host = url.host;
    this.#basePath = url.pathname.replace(/\/+$/, "");
    this.#baseQuery = [...url.searchParams].filter(([name]) => !isStyleFlag(name));
    this.#style = style;
  }

  /** Path and query as they are sent. Entra writes a space in a query as "+". */
  target({ path, query = [] }: Pick<ScimRequest, "path" | "query">): string {
    const parameters = [...this.#baseQuery, ...query];
    if (parameters.length === 0) return `${this.#basePath}${path}`;
    return `${this.#basePath}${path}?${this.#write(parameters)}`;
  }

  #write(parameters: readonly (readonly [string, string])[]): string {
    if (this.#style !== "rfc7644") {
      return new URLSearchParams(
        parameters.map(([name, value]) => [name, value] as [string, string]),
      ).toString();
    }
    return parameters
      .map((parameter) => parameter.map((each) => encodeURIComponent(each)).join("="))
      .join("&");
  }
}

function isStyleFlag(name: string): boolean {
  return STYLE_FLAGS.has(name.toLowerCase());
}
