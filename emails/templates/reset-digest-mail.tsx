import { utcTime } from "../mail-content";
import { ActionButton, Facts, Note, Paragraph, PlainAddress } from "./layout";
import type { MailWording } from "./mail-template";

/** To the helpdesk. Names and addresses are whatever strangers typed, so the subject has none. */
export const resetDigestMail: MailWording<"reset-digest"> = {
  name: "resetDigest",
  audience: "staff",
  values: ({ count }) => ({ count }),
  body: ({ requests, count, consoleUrl }, letter) => {
    const { words, language } = letter;
    const more = count - requests.length;
    return (
      <>
        {requests.map(({ code, name, email, at }) => (
          <Facts
            key={`${code} ${at} ${email}`}
            words={words}
            facts={[
              [words("mail.fact.code"), code ?? words("mail.resetDigest.noCode")],
              [words("mail.fact.nameGiven"), name],
              [words("mail.fact.address"), email],
              [words("mail.fact.askedOn"), utcTime(at, language)],
            ]}
          />
        ))}
        {more > 0 ? <Paragraph>{words("mail.resetDigest.more", { more })}</Paragraph> : null}
        <ActionButton href={consoleUrl}>{words("mail.resetDigest.action")}</ActionButton>
        <PlainAddress href={consoleUrl} />
        <Note>{words("mail.resetDigest.note")}</Note>
      </>
    );
  },
};
