import { Fragment } from "react";
import { utcTime } from "../mail-content";
import { ActionButton, Facts, MailLayout, Note, Paragraph, PlainAddress } from "./layout";
import type { MailWording } from "./mail-template";

/** To the helpdesk. Names and addresses are whatever strangers typed, so the subject has none. */
export const resetDigestMail: MailWording<"reset-digest"> = {
  subject: ({ count }, { brand, words }) =>
    words("mail.resetDigest.subject", { appName: brand.appName, count }),
  body: ({ requests, count, consoleUrl }, letter) => {
    const { words, language } = letter;
    const more = count - requests.length;
    return (
      <MailLayout
        letter={letter}
        audience="staff"
        heading={words("mail.resetDigest.heading", { count })}
        preview={words("mail.resetDigest.preview", { count })}
      >
        <Paragraph>{words("mail.resetDigest.intro", { count })}</Paragraph>
        {requests.map(({ code, name, email, at }) => (
          <Fragment key={`${code} ${at} ${email}`}>
            <Facts
              words={words}
              facts={[
                [words("mail.fact.code"), code ?? words("mail.resetDigest.noCode")],
                [words("mail.fact.nameGiven"), name],
                [words("mail.fact.address"), email],
                [words("mail.fact.askedOn"), utcTime(at, language)],
              ]}
            />
          </Fragment>
        ))}
        {more > 0 ? <Paragraph>{words("mail.resetDigest.more", { more })}</Paragraph> : null}
        <ActionButton href={consoleUrl}>{words("mail.resetDigest.action")}</ActionButton>
        <PlainAddress href={consoleUrl} />
        <Note>{words("mail.resetDigest.note")}</Note>
      </MailLayout>
    );
  },
};
