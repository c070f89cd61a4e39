import { utcTime } from "../mail-content";
import {
  ActionButton,
  Contact,
  Divider,
  Facts,
  MailLayout,
  Note,
  Paragraph,
  PlainAddress,
} from "./layout";
import type { MailWording } from "./mail-template";

/** Its reader may never have asked for anything: then doing nothing has to be right. */
export const resetConfirmMail: MailWording<"reset-confirm"> = {
  subject: (_props, brand) => `${brand.appName}: confirm your request for a new link`,
  body: (props, brand) => (
    <MailLayout
      brand={brand}
      audience="user"
      heading="Did you ask for a new link?"
      preview="Confirm your request, and an administrator will see it."
    >
      <Paragraph>
        A new link to choose a password at {brand.appName} was asked for, and this address was
        given. The request counts once you confirm it.
      </Paragraph>
      <Facts facts={[["Code of the request", props.code]]} />
      <Paragraph>
        The page you sent the request from shows the same code.{" "}
        <strong>If it shows another one</strong>, this mail is about the request of somebody else:
        do not confirm it.
      </Paragraph>
      <ActionButton href={props.url}>Look at the request</ActionButton>
      <Note>This is the page to confirm it on, to press, or to copy into a browser:</Note>
      <PlainAddress href={props.url} />
      <Paragraph>
        You can confirm it until <strong>{utcTime(props.expiresAt)}</strong>.
      </Paragraph>
      <Divider />
      <Note>
        You did not ask for a link? Then leave this mail alone: the request ends by itself, and
        nobody sees it.
        {brand.supportContact ? (
          <>
            {" "}
            If such mails keep coming, tell <Contact contact={brand.supportContact} />.
          </>
        ) : null}
      </Note>
    </MailLayout>
  ),
};
