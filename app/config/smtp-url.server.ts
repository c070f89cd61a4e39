import { readCertificates } from "./certificates.server";
import { UNESCAPED } from "./database-url.server";
import { isLoopback } from "./loopback.server";

/** What SMTP_URL says, decided to the end. */
export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  readonly credentials: { readonly user: string; readonly password: string } | undefined;
  /**
   * `implicit`: TLS from the first byte (smtps). `required`: STARTTLS, or nothing is sent.
   * `offered`: STARTTLS where the server has it. `never`: as the operator wrote.
   */
  readonly tls: "implicit" | "required" | "offered" | "never";
  readonly certificate: {
    readonly verify: boolean;
    /** PEM text of the authorities to trust, beside none else. */
    readonly ca: string | undefined;
    readonly servername: string | undefined;
  };
  /** The name to greet the server with. */
  readonly name: string | undefined;
}

export type SmtpUrlResult = { ok: true; server: SmtpServer } | { ok: false; problem: string };

const OPTIONS = [
  "requireTLS",
  "ignoreTLS",
  "tls.ca",
  "tls.rejectUnauthorized",
  "tls.servername",
  "name",
] as const;
type Option = (typeof OPTIONS)[number];

const SWITCHES: readonly Option[] = ["requireTLS", "ignoreTLS", "tls.rejectUnauthorized"];

/**
 * Reads `smtp://user:password@host:587` or `smtps://user:password@host:465`.
 *
 * `smtp:` uses STARTTLS where the server offers it, and requires it as soon as there is a password,
 * unless the host is a loopback address. A certificate is always checked. The query can say otherwise,
 * under Nodemailer's own names, and nothing else gets through to Nodemailer:
 *
 * - `requireTLS=true`: send nothing without TLS, also where there is no password;
 * - `ignoreTLS=true`: no STARTTLS; refused together with a password for another machine;
 * - `tls.ca=/path/ca.pem`: trust these authorities, and no others;
 * - `tls.servername=mail.example.org`: the name the certificate must have;
 * - `tls.rejectUnauthorized=false`: take any certificate; warned of at every start;
 * - `name=setpass.example.org`: the name in EHLO.
 *
 * @param text SMTP_URL
 * @returns the server, or one sentence that says what is wrong and never holds the password
 */
export function readSmtpUrl(text: string): SmtpUrlResult {
  const wrong = (problem: string): SmtpUrlResult => ({ ok: false, problem });
  if (!URL.canParse(text))
    return wrong("must be smtp://user:password@host:587 or smtps://user:password@host:465");
  const url = new URL(text);
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if ((url.protocol !== "smtp:" && url.protocol !== "smtps:") || host === "")
    return wrong("must be smtp://user:password@host:587 or smtps://user:password@host:465");

  if (url.hash !== "" || url.pathname.includes("@")) return wrong(UNESCAPED);

  const credentials = readCredentials(url);
  if (credentials === "undecodable")
    return wrong("holds a user or a password with a stray %: write % as %25");
  if (credentials === "incomplete")
    return wrong("needs both a user and a password, or neither of them");

  const options = new Map<Option, string>();
  for (const [name, value] of url.searchParams) {
    const option = OPTIONS.find((known) => known === name);
    if (!option) return wrong(`has an unknown option; known are ${OPTIONS.join(", ")}`);
    if (SWITCHES.includes(option) && value !== "true" && value !== "false")
      return wrong(`needs ${option}=true or ${option}=false`);
    options.set(option, value);
  }

  const implicit = url.protocol === "smtps:";
  const mustEncrypt = credentials !== undefined && !isLoopback(host);
  const ignoreTls = options.get("ignoreTLS") === "true";
  if (mustEncrypt && !implicit && (ignoreTls || options.get("requireTLS") === "false"))
    return wrong(
      "would send the password unencrypted to another machine: drop ignoreTLS and requireTLS, or use smtps://",
    );
  if (implicit && ignoreTls) return wrong("cannot have ignoreTLS with smtps://");
  if (ignoreTls && options.get("requireTLS") === "true")
    return wrong("cannot have both requireTLS and ignoreTLS");

  const caPath = options.get("tls.ca");
  const ca = caPath === undefined ? undefined : readCertificates(caPath);
  if (ca && !ca.ok) return wrong(ca.problem);

  const verify = options.get("tls.rejectUnauthorized") !== "false";
  return {
    ok: true,
    server: {
      host,
      port: url.port === "" ? (implicit ? 465 : 587) : Number(url.port),
      credentials,
      tls: implicit
        ? "implicit"
        : ignoreTls
          ? "never"
          : mustEncrypt || options.get("requireTLS") === "true"
            ? "required"
            : "offered",
      certificate: { verify, ca: ca?.pem, servername: options.get("tls.servername") },
      name: options.get("name"),
    },
  };
}

function readCredentials(url: URL): SmtpServer["credentials"] | "incomplete" | "undecodable" {
  if (url.username === "" && url.password === "") return undefined;
  if (url.username === "" || url.password === "") return "incomplete";
  try {
    return {
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
    };
  } catch {
    return "undecodable";
  }
}
