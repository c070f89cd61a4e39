import { Body } from "@react-email/body";
import { Button } from "@react-email/button";
import { Container } from "@react-email/container";
import { Head } from "@react-email/head";
import { Heading } from "@react-email/heading";
import { Hr } from "@react-email/hr";
import { Html } from "@react-email/html";
import { Link } from "@react-email/link";
import { Preview } from "@react-email/preview";
import { Section } from "@react-email/section";
import { Text } from "@react-email/text";
import type { ReactNode } from "react";
import { directionOf } from "../../app/messages/languages";
import type { Words } from "../../app/messages/words";
import { oneLine } from "../mail-content";
import type { Letter } from "./mail-template";

const FONT = "-apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";

/**
 * Light colours stand in the elements, for clients that drop style sheets; dark ones override them.
 * React Email repeats the body's colour in a cell that cannot be named, hence the rule for cells.
 */
const DARK = `
  :root { color-scheme: light dark; supported-color-schemes: light dark; }
  @media (prefers-color-scheme: dark) {
    .page { background-color: #14181f !important; }
    .page td { background-color: transparent !important; }
    .card { background-color: #1d232d !important; border-color: #343d4b !important; }
    .ink { color: #eef1f5 !important; }
    .muted { color: #a9b3c1 !important; }
    .anchor { color: #8ab8ff !important; }
    .line { border-color: #343d4b !important; }
    .facts { background-color: #14181f !important; }
    .button { background-color: #2f6fd6 !important; color: #ffffff !important; }
  }
  @media (max-width: 480px) {
    .card { padding: 20px 18px !important; }
    .button { display: block !important; }
  }
`;

const ink = { color: "#1b2430", fontFamily: FONT, fontSize: "16px", lineHeight: "25px" } as const;
const muted = { color: "#586374", fontFamily: FONT, fontSize: "14px", lineHeight: "21px" } as const;
const anchor = { color: "#1a56b0", textDecoration: "underline" } as const;

/**
 * The frame every mail has: one card, the service's name above it, whom to ask below it. No images,
 * no web fonts, nothing loaded from anywhere.
 *
 * @param props.preview the line that inboxes show beside the subject; no secret belongs there
 */
export function MailLayout(props: {
  letter: Letter;
  audience: "user" | "staff";
  preview: string;
  heading: string;
  intro: string;
  children: ReactNode;
}) {
  const { language, brand } = props.letter;
  return (
    <Html lang={language} dir={directionOf(language)}>
      <Head>
        <meta name="color-scheme" content="light dark" />
        <meta name="supported-color-schemes" content="light dark" />
        {/* Phones turn numbers and dates into links otherwise. */}
        <meta name="format-detection" content="telephone=no,date=no,address=no" />
        <style>{DARK}</style>
      </Head>
      <Body
        className="page"
        style={{ backgroundColor: "#f3f5f8", margin: 0, padding: "24px 12px" }}
      >
        <Preview>{props.preview}</Preview>
        <Container style={{ maxWidth: "560px", margin: "0 auto" }}>
          <Text className="muted" style={{ ...muted, fontWeight: 600, margin: "0 4px 12px" }}>
            {brand.appName}
          </Text>
          <Section
            className="card"
            style={{
              backgroundColor: "#ffffff",
              border: "1px solid #dde2e9",
              borderRadius: "10px",
              padding: "28px 32px",
            }}
          >
            <Heading
              as="h1"
              className="ink"
              style={{ ...ink, fontSize: "22px", lineHeight: "29px", margin: "0 0 16px" }}
            >
              {props.heading}
            </Heading>
            <Paragraph>{props.intro}</Paragraph>
            {props.children}
          </Section>
          <Footer letter={props.letter} isForUser={props.audience === "user"} />
        </Container>
      </Body>
    </Html>
  );
}

function Footer({ letter, isForUser }: { letter: Letter; isForUser: boolean }) {
  const { words } = letter;
  const { appName, supportContact } = letter.brand;
  return (
    <Section style={{ padding: "16px 4px 0" }}>
      {isForUser && supportContact ? (
        <Text className="muted" style={{ ...muted, margin: "0 0 8px" }}>
          <AskSupport letter={letter} text="shared.questions" />
        </Text>
      ) : null}
      <Text className="muted" style={{ ...muted, margin: 0 }}>
        {words("mail.automatic", { appName })}
      </Text>
    </Section>
  );
}

/** A sentence that names whom to ask; nothing where there is nobody. */
export function AskSupport(props: {
  letter: Letter;
  text: "shared.questions" | "shared.keepComing" | "mail.link.tell" | "mail.tellAtOnce";
}) {
  const { words, brand } = props.letter;
  const contact = brand.supportContact;
  if (!contact) return null;
  return <>{words.rich(props.text, { contact, link: () => <Contact contact={contact} /> })}</>;
}

/** The support contact: a link where it is a mail or web address, else its words. */
function Contact({ contact }: { contact: string }) {
  const shown = oneLine(contact);
  if (/^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>"]+$/.test(shown))
    return <Anchor href={`mailto:${shown}`}>{shown}</Anchor>;
  if (/^https?:\/\/\S+$/.test(shown)) return <Anchor href={shown}>{shown}</Anchor>;
  return <>{shown}</>;
}

/** Whom to tell that somebody else is at the account. */
export function TellAtOnce({ letter }: { letter: Letter }) {
  if (letter.brand.supportContact) return <AskSupport letter={letter} text="mail.tellAtOnce" />;
  return <>{letter.words("mail.tellAtOnceUnknown")}</>;
}

/** For `words.rich`. */
export const strong = (text: ReactNode) => <strong>{text}</strong>;

export function Paragraph({ children }: { children: ReactNode }) {
  return (
    <Text className="ink" style={{ ...ink, margin: "0 0 16px" }}>
      {children}
    </Text>
  );
}

/** A paragraph of less weight. */
export function Note({ children }: { children: ReactNode }) {
  return (
    <Text className="muted" style={{ ...muted, margin: "0 0 12px" }}>
      {children}
    </Text>
  );
}

export function Divider() {
  return (
    <Hr
      className="line"
      data-skip-in-text="true"
      style={{ borderColor: "#dde2e9", margin: "20px 0" }}
    />
  );
}

/** What somebody may want to copy, one a line. A fact without a value is left out. */
export function Facts({
  words,
  facts,
}: {
  words: Words;
  facts: ReadonlyArray<readonly [string, string | undefined]>;
}) {
  const known = facts.flatMap(([name, value]) => {
    const shown = oneLine(value ?? "");
    return shown ? [[name, shown] as const] : [];
  });
  if (known.length === 0) return null;
  return (
    <Section
      className="facts"
      style={{ backgroundColor: "#f3f5f8", borderRadius: "8px", margin: "0 0 20px" }}
    >
      <Text className="ink" style={{ ...ink, margin: 0, padding: "12px 16px" }}>
        {known.map(([name, value], index) => (
          <span key={name}>
            {index > 0 ? <br /> : null}
            {words.rich("mail.fact.line", {
              name,
              value,
              title: (text) => (
                <span className="muted" style={{ color: "#586374" }}>
                  {text}
                </span>
              ),
              fact: (text) => <strong style={{ wordBreak: "break-word" }}>{text}</strong>,
            })}
          </span>
        ))}
      </Text>
    </Section>
  );
}

/** The one thing to do. The plain text leaves it out: the address below it says it there. */
export function ActionButton(props: { href: string; children: ReactNode }) {
  return (
    <Section data-skip-in-text="true" style={{ margin: "4px 0 20px" }}>
      <Button
        className="button"
        href={props.href}
        style={{
          backgroundColor: "#1a56b0",
          borderRadius: "8px",
          color: "#ffffff",
          fontFamily: FONT,
          fontSize: "17px",
          fontWeight: 600,
          padding: "14px 26px",
          textAlign: "center",
          textDecoration: "none",
        }}
      >
        {props.children}
      </Button>
    </Section>
  );
}

/** An address written out, on a line of its own, for whoever cannot press the button. */
export function PlainAddress({ href }: { href: string }) {
  return (
    <Text
      className="ink"
      style={{ ...ink, fontSize: "14px", lineHeight: "21px", margin: "0 0 16px" }}
    >
      <Anchor href={href}>{href}</Anchor>
    </Text>
  );
}

export function Anchor({ href, children }: { href: string; children: ReactNode }) {
  return (
    <Link className="anchor" href={href} style={{ ...anchor, wordBreak: "break-word" }}>
      {children}
    </Link>
  );
}
