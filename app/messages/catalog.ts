/** Made of en.json by `npm run messages`. */
export type Catalog = {
  "shared": {
    "fixFields": "{count, plural, one {Fix this field} other {Fix these fields}}",
    "questions": "Questions? Contact <link>{contact}</link>.",
    "tooManyAttempts": "Too many attempts. Wait {seconds, plural, one {# second} other {# seconds}}, then try again.",
    "keepComing": "If such emails keep coming, contact <link>{contact}</link>.",
    "notAnEmail": "Enter an email address, such as name@example.org.",
    "language": "Language"
  },
  "time": {
    "justNow": "just now",
    "inAMoment": "in a moment"
  },
  "error": {
    "heading": {
      "400": "This request could not be read",
      "403": "Not allowed",
      "404": "Page not found",
      "405": "This page does not support that",
      "413": "That was too large",
      "415": "That was not a form",
      "500": "Something went wrong",
      "503": "Temporarily unavailable"
    },
    "advice": {
      "400": "Part of the URL or the form is invalid. Go back and try again.",
      "403": "Reload the page from its own URL, then send the form again.",
      "404": "Check the URL. If you came to set a password, open the link in your email again, or <reset>request a new link</reset>.",
      "405": "It does not accept requests of this kind. <home>Go to the start page</home>.",
      "413": "A form may hold up to 64 KiB. Go back and send less.",
      "415": "Send it as application/x-www-form-urlencoded.",
      "500": "This is not your fault, and nothing you entered was saved. Try again. If the problem persists, contact your administrator and quote the reference below.",
      "503": "A service that this page depends on is not responding. Wait a moment, then try again."
    },
    "portal": {
      "400": "Part of the URL or the form is invalid. Open the link in your email again.",
      "403": "The form was not sent from its own page, so nothing was changed. Open the link in your email again.",
      "500": "This is not your fault, and nothing you entered was saved. Open the link in your email again. If the problem persists, contact your administrator and quote the reference below.",
      "503": "A service that this page depends on is not responding. Wait a moment, then open the link in your email again. Sending the form twice does no harm."
    },
    "code": {
      "databaseAway": "The database is not responding. Try again in a moment; sending the form twice does no harm.",
      "notUtf8": "The form is not UTF-8 text.",
      "cutShort": "The form did not arrive in full.",
      "noSuchLink": "This link is no longer in the list, or never was."
    },
    "reference": "Reference for your administrator:"
  },
  "portal": {
    "userName": "User name",
    "domain": "Domain",
    "requestLink": "Request a new link",
    "signIn": "Sign in to {appName}",
    "form": {
      "heading": "Choose your password",
      "titleAgain": "Not set yet: choose your password",
      "intro": "Your account at {appName} is ready. Enter your PIN to show that it is yours, then choose a password that only you know.",
      "notSet": "Your password has not been set yet",
      "pin": "PIN",
      "pinHint": "The {digits, number} digits you chose when you registered or requested this link.",
      "pinFormat": "The PIN has exactly {digits, number} digits.",
      "password": "New password",
      "confirm": "Confirm new password",
      "match": "The same password, entered twice.",
      "show": "Show",
      "hide": "Hide",
      "showPasswords": "Show passwords",
      "hidePasswords": "Hide passwords",
      "met": "(done)",
      "notMet": "(not yet)",
      "submit": "Set password",
      "submitting": "Setting your password…",
      "strengthAdvice": "Several words are hard to guess and easy to remember."
    },
    "strength": {
      "weak": "Easy to guess.",
      "fair": "Could be better.",
      "good": "Good.",
      "strong": "Very good.",
      "more": "Add a few more words or characters.",
      "row": "It is a row of keys.",
      "keys": "It is a pattern on the keyboard.",
      "repeat": "It repeats one character.",
      "repeats": "It repeats a few characters.",
      "sequence": "It is a sequence, such as abc or 123.",
      "year": "It contains a year.",
      "date": "It contains a date.",
      "top": "It is one of the most common passwords.",
      "common": "It is a common password.",
      "similar": "It resembles a common password.",
      "word": "It is a single word.",
      "user": "It contains your user name."
    },
    "rule": {
      "policy": "Your cloud may have rules of its own. You will be told if it rejects the password.",
      "length": "At most {bytes, number} letters, digits and symbols. Accented letters and other scripts count as two or more."
    },
    "problem": {
      "pinEmpty": "Enter the PIN you chose when you registered or requested this link.",
      "empty": "Enter a new password.",
      "confirmEmpty": "Enter the same password again.",
      "differ": "The passwords are not the same. Enter the same one twice.",
      "tooLong": "This password is too long. The limit is {bytes, number} bytes, which is {bytes, number} plain letters and digits, or fewer with accents and other scripts.",
      "controlCharacters": "This password contains a character that cannot be typed, such as a tab or a line break. Remove it.",
      "policy": "This password does not follow the rules: {description}",
      "policyUnknown": "This password does not follow the rules of your cloud."
    },
    "refusal": {
      "malformedPin": "The PIN has exactly {digits, number} digits. This did not count as an attempt.",
      "wrongPin": "Wrong PIN. You have {count, plural, one {# attempt} other {# attempts}} left.",
      "dead": {
        "heading": "This link does not work",
        "message": "It has already been used, or a newer one has replaced it."
      },
      "locked": {
        "heading": "This link is locked",
        "message": "The wrong PIN was entered too many times, so the link no longer works."
      },
      "expired": {
        "heading": "This link has expired",
        "message": "Your PIN was correct, but the link has expired. Your password was not set."
      },
      "inProgress": {
        "heading": "Your password is already being set",
        "message": "This form was sent twice, and the first one is still being processed. Wait a few seconds, then try to sign in. If that fails, send the form again."
      },
      "superseded": {
        "heading": "An administrator has just changed this link",
        "message": "Your password reached the cloud at the same moment, so it may or may not have been set. Try to sign in with it. If that fails, look for a newer email."
      },
      "unavailable": {
        "heading": "The cloud is not responding",
        "message": "Your link still works, and this did not count as an attempt. Wait {seconds, plural, one {# second} other {# seconds}}, then send the form again."
      },
      "tooMany": {
        "heading": "Too many attempts",
        "message": "Too many links from your network did not work. Wait {seconds, plural, one {# second} other {# seconds}}, then open the link in your email again."
      },
      "initial-password-stale": {
        "heading": "Your account has changed since this link was made",
        "message": "Your password could not be set. Contact your administrator, who can send you a new link."
      },
      "account-disabled": {
        "heading": "Your account is disabled",
        "message": "Your password could not be set. Contact your administrator. Once the account is enabled, open this link again."
      },
      "account-locked": {
        "heading": "Your account is temporarily locked",
        "message": "There were too many failed sign-ins, so your password could not be set. The account unlocks by itself after some time; then open this link again. If you cannot wait, contact your administrator."
      },
      "password-locked": {
        "heading": "This account's password cannot be changed",
        "message": "Your password could not be set. Contact your administrator."
      },
      "link-outdated": {
        "heading": "This link must be renewed",
        "message": "It was made before an upgrade, so your password could not be set. Contact your administrator. Your PIN stays the same."
      },
      "read-only-account": {
        "heading": "This account's password is stored elsewhere",
        "message": "It cannot be set here. Contact your administrator."
      }
    },
    "set": {
      "heading": "Password set",
      "intro": "Your account at {appName} is now yours. The link no longer works.",
      "signInWith": "Sign in with",
      "userAndPassword": "your user name and your new password.",
      "signInNow": "You can sign in to {appName} right away with your new password."
    },
    "end": {
      "alreadySet": "Have you already set your password?",
      "done": "Then you are done. Sign in to {appName} with your user name and that password.",
      "notYet": "Not yet?",
      "newest": "If you have several emails from us, open the link in the newest one. If that does not work either, request a new link."
    },
    "none": {
      "heading": "Open the link in your email",
      "intro": "New users of {appName} choose their password here. This page opens only from the link you were sent.",
      "reloaded": "Were you just on that page?",
      "reloadedAdvice": "Reloading leads here, because the link is kept out of the address bar. Open it from your email again: it works until you have set your password.",
      "noEmail": "No email, or the link does not work? <reset>Request a new link</reset>."
    }
  },
  "reset": {
    "heading": "Request a new link",
    "intro": "Has your link expired, or have you lost your password at {appName}? Say who you are, and an administrator will send you a new link.",
    "notSent": "Your request has not been sent yet",
    "userName": "User name",
    "userNameHint": "The one you sign in with. If you do not know it, enter your own name.",
    "email": "Email address",
    "confirmEmail": "Confirm email address",
    "pin": "PIN",
    "pinHint": "{digits, number} digits of your choice. You will need them to use the new link.",
    "pinFormat": "Enter a PIN of exactly {digits, number} digits.",
    "send": "Send request",
    "problem": {
      "name": "Enter your user name, or your own name.",
      "email": "Enter your email address.",
      "differ": "The addresses are not the same. Enter the same one twice."
    },
    "tooMany": "There have been many requests from your network. Try again in {minutes, plural, one {# minute} other {# minutes}}, or contact your administrator directly.",
    "sent": {
      "heading": "Now confirm it by email",
      "intro": "Your request counts once you confirm it. We are emailing <strong>{email}</strong> how to do so.",
      "code": "This is the code of your request. Write it down:",
      "next": "What happens next",
      "open": "Open the email within a day, check that it shows the same code, and confirm your request on the page it leads to.",
      "review": "An administrator reviews it. They may call you and ask for the code: read it out to them. Nobody will ever ask for your PIN.",
      "mailed": "You receive an email with a new link, at the address stored with your account.",
      "use": "Open the link, enter the PIN you have just chosen, and set a new password.",
      "noEmail": "<strong>No email?</strong> Check your spam folder. Only a few of these emails are sent to one address in an hour: if you have an earlier one, open its page and enter this code there."
    }
  },
  "confirm": {
    "heading": "Confirm your request",
    "titleAgain": "Not confirmed yet: confirm your request",
    "intro": "Someone requested a new link for choosing a password at {appName} and gave your address. Was it you?",
    "compare": "<strong>Compare the codes first.</strong> The page you sent the request from shows one. If it differs from the code here, this is someone else's request: do not confirm it.",
    "notYou": "You did not request anything? Close this page. What is not confirmed expires by itself, and nobody sees it.",
    "already": {
      "heading": "This request is confirmed",
      "intro": "There is nothing left to do: an administrator will review it."
    },
    "code": "Code of the request",
    "nameGiven": "User name given",
    "addressGiven": "Address given",
    "askedOn": "Requested on",
    "endsOn": "Expires on",
    "submit": "Confirm request <unbroken>{code}</unbroken>",
    "other": {
      "summary": "My page shows another code",
      "label": "Code on your page",
      "hint": "Of a request with the address {email}. Capitals and dashes do not matter.",
      "nothing": "Nothing has been confirmed yet",
      "unknown": "No request with this code is waiting for your address. Check the page you sent it from, or request a link again.",
      "submit": "Confirm that request"
    },
    "done": {
      "heading": "Request confirmed",
      "now": "The administrators of {appName} can see it now.",
      "before": "It was confirmed before. The administrators of {appName} can see it.",
      "keepCode": "This is its code. Keep it until you have your link:"
    },
    "ended": {
      "heading": "This link no longer works",
      "message": "Its request was answered or closed, or was not confirmed in time. If you still need a link to set a password, request a new one."
    },
    "expired": {
      "heading": "This request has expired",
      "message": "It was not confirmed within a day, so nobody will see it. If you still need a link to set a password, request a new one."
    },
    "none": {
      "intro": "Requests for a new link are confirmed here. This page opens only from the email you received after your request.",
      "reloadedAdvice": "Reloading leads here, because the link is kept out of the address bar. Open it from your email again."
    }
  },
  "problem": {
    "inOne": "{why} {whatToDo}",
    "initial-password-stale": {
      "why": "Keystone does not accept the initial password stored with the link: it was changed, the user was deleted, or the account is temporarily locked after too many failed sign-ins.",
      "whatToDo": "Issue a new link and let setpass generate a random password. If the account is only locked, the same link works again once the lock has ended."
    },
    "account-disabled": {
      "why": "The account is disabled in Keystone.",
      "whatToDo": "Enable it, then tell the user to open the same link again."
    },
    "account-locked": {
      "why": "Keystone has locked the account after too many failed sign-ins.",
      "whatToDo": "Nothing, if it can wait: the account unlocks by itself after a while, and the same link then works. If it is urgent, issue a new link and let setpass generate a random password: setting one unlocks the account."
    },
    "password-locked": {
      "why": "Keystone forbids this user to change their password (option lock_password).",
      "whatToDo": "Remove the option, then tell the user to open the same link again."
    },
    "link-outdated": {
      "why": "The link was made by an earlier release, which stored PINs less safely.",
      "whatToDo": "Renew the link or send it again. The PIN stays the same."
    },
    "read-only-account": {
      "why": "The user is stored in a directory that Keystone cannot write to, such as LDAP.",
      "whatToDo": "Set the password in that directory. No link of setpass can do it."
    }
  },
  "mail": {
    "automatic": "This email was sent automatically by {appName}.",
    "tellAtOnce": "Contact <link>{contact}</link> immediately.",
    "tellAtOnceUnknown": "Contact whoever gave you the account immediately.",
    "fact": {
      "line": "<title>{name}:</title> <fact>{value}</fact>",
      "userName": "User name",
      "domain": "Domain",
      "user": "User",
      "userId": "User ID",
      "changedOn": "Changed on",
      "setOn": "Set on",
      "code": "Code",
      "nameGiven": "Name given",
      "address": "Address",
      "askedOn": "Requested on"
    },
    "link": {
      "subject": "{reminder, select, yes {Reminder: choose the password of your {appName} account} other {Your {appName} account: choose your password}}",
      "heading": "Choose your password",
      "preview": "You need the PIN you chose when you registered or requested this link.",
      "intro": "{reminder, select, yes {You have not chosen the password of your account at {appName} yet. This is a new link; the one you were sent before no longer works.} other {You have an account at {appName}. To use it, choose a password that only you know.}}",
      "action": "Choose your password",
      "orCopy": "This is your link, to open or to copy into a browser:",
      "pin": "You will be asked for the <strong>{digits, number}-digit PIN</strong> you chose when you registered or requested this link.",
      "until": "The link works once, and only until <strong>{until}</strong>. After that, request a new one.",
      "signIn": "Once your password is set, sign in at <link>{url}</link>",
      "never": "Nobody will ever ask you for your PIN or your password by email or phone. If you did not expect this email, do not open the link; without the PIN it is useless.",
      "tell": "Please tell <link>{contact}</link>."
    },
    "linkChanged": {
      "subject": "The link to your {appName} account was changed",
      "heading": "Your link was changed",
      "preview": "An administrator changed the link for choosing your password.",
      "intro": "An administrator changed the link for choosing the password of your {appName} account:",
      "pin": "It now requires a different PIN.",
      "recipient": "It was sent to a different address. A link that was sent earlier no longer works.",
      "expected": "If you asked for this, there is nothing to do.",
      "unexpected": "<strong>You did not expect it?</strong> Whoever has both the link and the PIN can take over your account."
    },
    "passwordSet": {
      "subject": "Your {appName} password was set",
      "heading": "Your password was set",
      "preview": "You can now use your account.",
      "intro": "The password of your {appName} account was set with the link and the PIN. The link no longer works.",
      "signIn": "Sign in with your user name and your new password:",
      "action": "Sign in",
      "notYou": "<strong>This was not you?</strong> Then someone else has access to your account."
    },
    "linkProblem": {
      "subject": "{appName}: {user} cannot set a password",
      "heading": "A user cannot set a password",
      "preview": "The link and the PIN were correct, but the password could not be set.",
      "intro": "A user opened their link and entered the correct PIN, but the password could not be set. The page told them what happened.",
      "why": "<strong>Why:</strong> {why}",
      "whatToDo": "<strong>What to do:</strong> {whatToDo}",
      "action": "Open the console"
    },
    "resetConfirm": {
      "subject": "{appName}: confirm your request for a new link",
      "heading": "Did you request a new link?",
      "preview": "Once you confirm your request, an administrator will see it.",
      "intro": "A new link for choosing a password at {appName} was requested with this address. The request counts once you confirm it.",
      "compare": "The page you sent the request from shows the same code. <strong>If it shows another one</strong>, this email is about someone else's request: do not confirm it.",
      "action": "Review the request",
      "orCopy": "This is the page to confirm it on, to open or to copy into a browser:",
      "until": "You can confirm it until <strong>{until}</strong>.",
      "notYou": "You did not request a link? Then ignore this email: the request expires by itself, and nobody sees it."
    },
    "resetDigest": {
      "subject": "{appName}: {count, plural, one {one new request} other {# new requests}} for a link",
      "heading": "{count, plural, one {One new request for a link} other {# new requests for a link}}",
      "preview": "{count, plural, one {It is waiting in the console.} other {They are waiting in the console.}}",
      "intro": "{count, plural, one {This request was made on the web page:} other {These requests were made on the web page:}}",
      "noCode": "none, and not confirmed: requested before setpass confirmed requests",
      "more": "{more, plural, one {And # more, which is in the console.} other {And # more, which are in the console.}}",
      "action": "Open the requests",
      "note": "A confirmed request shows that someone has access to the mailbox, which does not make the account theirs. If in doubt, call the owner at a number you know and have them read out the code; do not say it yourself. Send the new link to the address stored in Keystone."
    }
  },
  "console": {
    "title": {
      "links": "Links",
      "link": "Link",
      "linkFor": "Link for {name}",
      "users": "Users",
      "issue": "Issue a link",
      "requests": "Requests",
      "answerRequests": "Answer requests",
      "closeRequests": "Close requests",
      "signIn": "Sign in",
      "newAccount": "New account"
    },
    "frame": {
      "toContent": "Skip to content",
      "label": "Console",
      "openRequests": "{count, number}<hidden> open</hidden>",
      "signedInAs": "<hidden>Signed in as </hidden>{name}",
      "signOut": "Sign out"
    },
    "shared": {
      "domain": "Domain {name}",
      "by": "by {name}",
      "fromAddress": "IP address {address}",
      "api": "API",
      "ownRights": "with setpass's own rights in Keystone",
      "search": "Search",
      "tryAgain": "Try again"
    },
    "none": {
      "address": "None",
      "link": "None",
      "code": "None"
    },
    "column": {
      "user": "User",
      "userId": "User ID",
      "domain": "Domain",
      "account": "Account",
      "address": "Email address",
      "status": "Status",
      "email": "Email",
      "issued": "Issued",
      "expires": "Expires",
      "link": "Link",
      "name": "Name",
      "code": "Code",
      "requested": "Requested",
      "action": "Action",
      "closed": "Closed"
    },
    "status": {
      "all": "All",
      "open": "Open",
      "pending": "Pending",
      "expired": "Expired",
      "locked": "Locked",
      "completed": "Completed",
      "revoked": "Revoked"
    },
    "account": {
      "enabled": "Enabled",
      "disabled": "Disabled",
      "unknown": "Not in Keystone"
    },
    "email": {
      "none": "Not sent by email",
      "sent": "Sent",
      "sentAt": "Sent <when></when>",
      "sending": "Being sent",
      "waiting": "<wait>Not sent yet.</wait> Next attempt <when></when>",
      "failed": "<bad>Failed</bad>{count, plural, =0 {} =1 {} other { after # attempts}}",
      "cancelled": "Not sent: the link was replaced or ended first",
      "serverSaid": "“{text}”",
      "failure": {
        "bad-address": "The recipient is not an email address, so nothing was sent.",
        "changed": "The email was changed in the database after it was written, so nothing was sent.",
        "given-up": "No attempt was finished.",
        "link-expired": "The link expired before the email could be delivered.",
        "not-written": "The email could not be composed. The server's log says why.",
        "quoted-link": "The mail server quoted the link in its answer, which is therefore not stored.",
        "timeout": "The mail server did not answer in time.",
        "unknown-host": "The mail server's name was not found.",
        "unreadable": "The email could not be decrypted, so nothing was sent. The server's log says why."
      }
    },
    "pager": {
      "label": "Pages",
      "all": "{count, number} in total",
      "moreThan": "More than {count, number}",
      "range": "{first, number}–{last, number} of {total, number}",
      "page": "Page {page, number} of {pages, number}",
      "previous": "Previous",
      "next": "Next"
    },
    "links": {
      "noneYet": "No links yet",
      "noneYetAdvice": "<users>Find the user</users> who should receive the first one.",
      "none": "{status, select, open {There are no open links} pending {There are no pending links} expired {There are no expired links} locked {There are no locked links} completed {There are no completed links} revoked {There are no revoked links} other {There are no links}}",
      "noMatch": "{status, select, open {No open link has “{search}” in its user name, user ID or address} pending {No pending link has “{search}” in its user name, user ID or address} expired {No expired link has “{search}” in its user name, user ID or address} locked {No locked link has “{search}” in its user name, user ID or address} completed {No completed link has “{search}” in its user name, user ID or address} revoked {No revoked link has “{search}” in its user name, user ID or address} other {No link has “{search}” in its user name, user ID or address}}",
      "hidden": "{count, plural, one {# link with another status is hidden.} other {# links with another status are hidden.}} <all>Show all statuses</all>",
      "hiddenMany": "More than {count, number} links with another status are hidden. <all>Show all statuses</all>",
      "showAll": "Show all links",
      "searchLabel": "Search links by user name, user ID or address",
      "searchHint": "User or address",
      "order": "Sort order",
      "sort": {
        "newest": "Newest first",
        "oldest": "Oldest first",
        "expiry": "By expiry",
        "user": "By user name"
      },
      "needsAttention": "Needs attention",
      "outcomeUnknown": "Outcome not known yet",
      "sending": "An email is being sent. <reload>Reload</reload> to see the result."
    },
    "link": {
      "renew": "Renew link",
      "issueNew": "Issue a new link",
      "problem": "The user could not set a password",
      "nothingChanged": "Nothing was changed",
      "state": "State of the link",
      "completed": "Completed",
      "revoked": "Revoked",
      "attemptsLeft": "PIN attempts left",
      "pin": "PIN",
      "pinExhausted": "The wrong PIN was entered too many times, over several links. To renew the link, enter a new PIN.",
      "pinLocked": "The wrong PIN was entered too many times. Renew the link to allow more attempts.",
      "issuedHow": "<when></when>{named, select, yes { by {name}} other {}}{via, select, api {, through the API} other {, in the console}}",
      "history": "History",
      "historyIntro": "All events of {name}, newest first.",
      "ready": {
        "heading": "The link is ready",
        "intro": "It is shown only this once. It works until <exact></exact> (<when></when>), once, and only with the PIN.",
        "label": "The link",
        "copy": "Copy link",
        "copied": "Copied",
        "notCopied": "Could not be copied",
        "byHand": "It is not sent by email. Send it yourself, by a different channel than the PIN.",
        "emailTo": "Email to <address>{recipient}</address>: <state></state>"
      },
      "send": {
        "heading": "{again, select, yes {Send it again} other {Send it by email}}",
        "intro": "{again, select, yes {The email contains a new URL; the one sent before stops working.} other {The email contains a new URL; the one you were given when the link was issued stops working.}} The expiry stays the same.",
        "to": "To",
        "submit": "{again, select, yes {Send again} other {Send}}",
        "pending": "Sending…"
      },
      "end": {
        "question": "Set a random password…",
        "advice": "The account of {name} gets a password that nobody knows. No password set through this link works any longer, everyone who signed in with it is signed out, and the link is revoked. To give {name} access again, issue a new link. Application credentials created in the meantime stay valid: check for them in Keystone.",
        "submit": "Yes, set a random password",
        "pending": "Setting it…",
        "done": "A random password is set",
        "doneMessage": "Nobody knows it, and everyone who was signed in as {name} is signed out. If Keystone was setting another password at the same moment, this page will say so within a few minutes."
      },
      "revoke": {
        "question": "Revoke this link…",
        "advice": "{name} can no longer use it, and the initial password and the PIN stored with it are erased. This cannot be undone, but you can issue a new link.",
        "submit": "Yes, revoke it",
        "pending": "Revoking…",
        "done": "The link is revoked",
        "doneMessage": "It no longer works. The PIN and the initial password stored with it are erased."
      },
      "inForce": {
        "heading": "The user's own password is in force",
        "message": "Keystone already had it when this link was revoked. If {name} must not have access, set a random password."
      },
      "unsettled": {
        "heading": "It is not known yet whether the user's own password is in force",
        "message": "It was entered before the link was revoked, and Keystone's answer was lost. setpass keeps asking, which can take up to forty minutes; the result will appear on this page. If {name} must not have access, set a random password now."
      },
      "refusal": {
        "underWay": "This link is being used: the correct PIN was entered, and Keystone is setting the user's own password. Try again in a moment. If the user must not have access, set a random password: that ends it.",
        "ended": "This link has ended in the meantime: it was used, renewed or revoked.",
        "unusable": "This link can no longer be used: it was used or revoked in the meantime, has expired, or is locked. Renew it to send it.",
        "unreadable": "The form did not say what to do. Try again."
      }
    },
    "event": {
      "link": {
        "issued": "Link issued",
        "renewed": "Link renewed",
        "reminded": "Reminder sent by email, with a new link",
        "resent": "Link sent by email",
        "pin-replaced": "PIN replaced",
        "password-replaced": "Initial password of the link replaced",
        "recipient-changed": "Email address of the link changed",
        "revoked": "Link revoked",
        "pin-refused": "Wrong PIN entered",
        "secrets-purged": "Secrets of the expired link erased"
      },
      "revokedUnreadable": "Link revoked during an upgrade: its stored data could not be read",
      "redeemed": {
        "ok": "The user set a password",
        "after-revocation": "The user's password is in force: Keystone already had it when the link was revoked",
        "already-completed": "The user set a password at the same moment as another one was set",
        "superseded": "The user set a password, and another one replaced it at the same moment",
        "unknown": "The user set a password, but the link was changed at the same moment: setpass is finding out whether it is in force"
      },
      "refused": {
        "expired": "No password was set: the link had expired",
        "password-problem": "No password was set: the password does not follow Keystone's rules",
        "password-refused": "No password was set: Keystone rejected the password",
        "initial-password-stale": "No password was set: the initial password no longer works",
        "account-disabled": "No password was set: the account is disabled",
        "account-locked": "No password was set: Keystone has locked the account for a while",
        "password-locked": "No password was set: Keystone does not allow this user to change the password",
        "read-only-account": "No password was set: the user is in a directory that Keystone cannot write to",
        "keystone-unavailable": "No password was set: Keystone did not respond, or its answer was lost",
        "not-in-force": "No password was set: Keystone was asked again, and no password of the user is in force"
      },
      "refusedOther": "No password was set ({outcome})",
      "initialPassword": "Random initial password set",
      "initialPasswordUnknown": "A random initial password may have been set: Keystone's answer was lost",
      "initialPasswordRefused": "Keystone refused to set a random initial password",
      "enabled": "Account enabled",
      "enabledRefused": "Keystone refused to enable the account",
      "enabledUnknown": "The account may have been enabled: Keystone's answer was lost",
      "requested": "{code, select, none {New link requested} other {New link requested, code {code}}}",
      "requestedOften": "{code, select, none {New link requested} other {New link requested, code {code}}}; no email was sent, as this address had received too many",
      "confirmed": "{code, select, none {Request confirmed by email} other {Request {code} confirmed by email}}",
      "answered": "{code, select, none {Request answered} other {Request {code} answered}}",
      "closed": "{code, select, none {Request closed} other {Request {code} closed}}",
      "signedIn": "Signed in",
      "signInRefused": "Sign-in refused",
      "signedOut": "Signed out",
      "sessionEnded": "The session ended together with its Keystone token",
      "tokenUnknown": "The token of a script was refused: Keystone does not know it",
      "tokenNotAdmin": "The token of a script was refused: its user is not an administrator",
      "userCreated": "Account created in Keystone",
      "userContinued": "Creating the account was continued",
      "userNotPermitted": "An account was created in Keystone, but whoever created it may not change it",
      "projectCreated": "Project created in Keystone",
      "roleAssigned": "The user was given a role on a project",
      "scrambled": {
        "ok": "Initial password replaced by a random one that nobody knows, because the link is over",
        "not-in-force": "The initial password of the link is no longer in force",
        "account-disabled": "Initial password not replaced: the account is disabled",
        "read-only": "Initial password not replaced: Keystone cannot change passwords in this user's directory",
        "forbidden": "Initial password not replaced: Keystone does not let setpass change this user",
        "refused": "Initial password not replaced: Keystone's rules refused a random password",
        "unknown-user": "Initial password not replaced: Keystone no longer knows this user",
        "given-up": "Initial password not replaced: Keystone could not be asked for a week"
      }
    },
    "keystone": {
      "unavailable": "Keystone is not responding as it should. Nothing was changed. Try again in a moment.",
      "forbidden": "Keystone does not allow your account to do this. Ask for the admin role.",
      "unknownUser": "This user is no longer in Keystone.",
      "mayNotChange": "Keystone does not allow your account to change this user, so you cannot change the link either. Ask for the admin role.",
      "notAsked": "Keystone is not responding, so setpass cannot check whether you may change this user. Nothing was changed. Try again in a moment.",
      "randomRefused": "Keystone rejected the random password: {message} Set a password that it accepts, then enter it when you issue a link.",
      "randomForbidden": "Keystone does not allow you to set this user's password: your role does not permit it, or the user is in a directory that cannot be written to."
    },
    "users": {
      "intro": "Choose the user who should receive a link.",
      "forRequest": "{code, select, none {For the request of {name}} other {For request {code} of {name}}}",
      "forRequestAdvice": "{confirmed, select, yes {It was confirmed from <address>{email}</address>.} other {It gives the address <address>{email}</address>, which nobody has checked.}} Make sure that you choose the account of the person who sent it.",
      "searchLabel": "Part of the user name",
      "allDomains": "All domains",
      "trouble": "The users cannot be shown",
      "more": "Only the first {count, number} users are shown. Narrow the search to find the others.",
      "none": "There are no users",
      "noMatch": "No user name contains “{search}”",
      "onlyDomain": "Only the domain {domain} was searched. <all>Search all domains</all>",
      "ownName": "The name in the request may be the person's own name. They gave the address {email}.",
      "searchFor": "Search for “{text}”",
      "shorter": "Part of a user name is enough. Try a shorter one."
    },
    "user": {
      "trouble": "The user cannot be shown",
      "unknown": "This user is not in Keystone",
      "unknownAdvice": "The account may have been deleted. <users>Find another user</users>",
      "noAddress": "None in Keystone",
      "currentLink": "Current link",
      "issued": "issued <when></when>",
      "details": "Details",
      "own": {
        "heading": "This is the account you are signed in with",
        "message": "A random initial password ends your own password and your session immediately: you may not even see the link. To try out setpass, use another account."
      },
      "problem": "The current link could not set a password",
      "disabled": {
        "heading": "This account is disabled",
        "message": "You can issue a link, but it cannot set a password until the account is enabled."
      },
      "enable": {
        "done": "The account is enabled",
        "forbidden": "Keystone does not allow you to enable this account: your role does not permit it, or the user is in a directory that cannot be written to.",
        "pending": "Enabling…",
        "refused": "The account was not enabled",
        "submit": "Enable the account"
      },
      "passwordLocked": {
        "heading": "This user is not allowed to change the password",
        "message": "Keystone's option lock_password is set. You can issue a link, but it cannot set a password until the option is removed."
      },
      "pinExhausted": {
        "heading": "The wrong PIN was entered too many times",
        "message": "Ask the user for a new PIN and enter it below."
      },
      "privileged": {
        "heading": "This account has rights over the cloud",
        "message": "It has the role admin, or a role on the project {project}. A random initial password ends its present password immediately, with all its tokens and sessions, and every service configured with that password stops working. So does everything where you enter the present password, until the link is used. Application credentials stay valid."
      },
      "standingUnknown": {
        "heading": "Keystone does not say which roles this account has",
        "message": "If it belongs to an administrator or a service: a random initial password ends its present password immediately, with all its tokens and sessions, and every service configured with that password stops working. So does everything where you enter the present password, until the link is used. Application credentials stay valid."
      },
      "hasPassword": {
        "heading": "This user has a password of their own",
        "message": "They set it <when></when>. A random initial password ends it immediately, with all tokens and sessions of the account."
      }
    },
    "issue": {
      "renew": {
        "heading": "Renew the link",
        "intro": "The current link stops working. A new one with a new lifetime replaces it.",
        "submit": "Renew link",
        "pending": "Renewing…"
      },
      "new": {
        "heading": "Issue a link",
        "submit": "Issue link",
        "pending": "Issuing…"
      },
      "notIssued": "No link was issued",
      "pin": "PIN",
      "pinKeepHint": "Leave it empty to keep the PIN of the current link, or enter a new one with {digits, number} digits.",
      "pinHint": "The {digits, number} digits the user gave when registering. They will be asked for it.",
      "pinFormat": "Enter the PIN the user gave: exactly {digits, number} digits.",
      "requestPin": "Use the PIN given with the request",
      "requestPinHint": "You do not see it, and do not need to.",
      "otherPin": "Enter a PIN",
      "initialPassword": "Initial password",
      "initialPasswordHint": "The password the account has until the user chooses their own. It is stored encrypted and used only for this link.",
      "keepPassword": "Keep the initial password of the current link",
      "random": "{advised, select, yes {Generate a random password (recommended)} other {Generate a random password}}",
      "randomHint": "The account's present password stops working immediately, and so do its tokens and sessions. Nobody ever sees the new one.",
      "typed": "Enter the password the account was created with",
      "typedLabel": "Password of the account",
      "mailTo": "Email the link to",
      "mailToHint": "{known, select, yes {The user's address in Keystone.} other {Keystone has no address for this user.}} Leave it empty to send the link yourself.",
      "problem": {
        "passwordEmpty": "Enter the password the account has now, or generate a random one.",
        "passwordImpossible": "No account can have this password. Check what you pasted."
      },
      "refusal": {
        "request-closed": "The request was closed in the meantime. Enter the PIN.",
        "pin-exhausted": "This PIN was guessed wrong too many times. Ask the user for a new one.",
        "incomplete": "The current link has ended in the meantime, so nothing of it can be kept. Enter the PIN and choose a password.",
        "in-progress": "The current link is being used: the correct PIN was entered, and Keystone is setting the user's own password. Nothing was changed. Try again in a moment, or generate a random password: that ends it.",
        "scrambled": "setpass has replaced the initial password of the current link since it ended. Choose another one, such as a random password."
      },
      "request": {
        "heading": "{code, select, none {This answers the request of {name}} other {This answers request {code} of {name}}}",
        "unconfirmed": "It gives the address <address>{email}</address>, which nobody has checked. Send the link to the address in Keystone unless you know better.",
        "known": "It was confirmed from <address>{email}</address>, which is the address in Keystone.",
        "unknown": "It was confirmed from <address>{email}</address>, which is not the address in Keystone: the account may belong to someone else. Send the link to the address in Keystone unless you know better.",
        "several": "{count, plural, one {# request from this address is open.} other {# requests from this address are open.}} Ask its owner to read the code to you.",
        "closes": "The request is closed when the link is issued."
      },
      "others": {
        "heading": "More requests came from the same address",
        "message": "{count, plural, one {Another request is still open} other {# other requests are still open}}. It may be about another account, or no longer needed.",
        "show": "Show in the list"
      },
      "details": "Details of this link",
      "another": "Choose another user",
      "language": "Language",
      "languageHint": "The user's emails are in this language, and so is the page behind the link, unless their browser asks for another.",
      "scrambled": "The initial password of the previous link no longer works: setpass replaced it when the link ended."
    },
    "newAccount": {
      "intro": "Creates the account in Keystone with a random password that nobody sees, and a link with which its owner chooses their own.",
      "trouble": "Some choices cannot be shown",
      "userName": "User name",
      "email": "Email address",
      "emailHint": "The user's address, which Keystone keeps as well.",
      "mail": "Email the link to this address",
      "fullName": "Full name (optional)",
      "project": "Project",
      "projectFrom": {
        "existing": "A project that exists already",
        "new": "A new project, created with the account",
        "none": "No project"
      },
      "projectName": "Name of the project",
      "projectNameHint": "It is in the same domain as the account.",
      "role": "Role on the project",
      "pinHint": "The {digits, number} digits the user gave when registering. Leave it empty to have a PIN made up: it is shown to you once.",
      "lifetime": "The link works for",
      "days": "{count, plural, one {# day} other {# days}}",
      "hours": "{count, plural, one {# hour} other {# hours}}",
      "minutes": "{count, plural, one {# minute} other {# minutes}}",
      "submit": "Create account",
      "pending": "Creating…",
      "another": "Create another account",
      "existing": "Open the page of the user with this name",
      "notFinished": "The account is not ready",
      "pinMade": "The PIN of this link",
      "pinMadeAdvice": "It is shown only this once. Give it to the user in person or by phone, never in the same way as the link.",
      "problem": {
        "userName": "Enter a user name.",
        "email": "Enter an email address, or clear the box that emails the link.",
        "domain": "Choose a domain.",
        "projectName": "Enter the name of the project.",
        "projectUnknown": "There is no project with this name. Check the spelling, or choose a new project.",
        "projectThere": "There is a project with this name already. Choose another name, or a project that exists already.",
        "role": "Choose a role."
      },
      "check": {
        "user": {
          "free": "This name is free.",
          "taken": "There is a user with this name already.",
          "begun": "This account was begun here and has no link yet. With the same address, it is finished.",
          "handed-over": "This account was created here and has been given a link."
        },
        "domain": {
          "disabled": "This domain is disabled: nobody in it can sign in.",
          "read-only": "The users of this domain are in a directory that Keystone cannot write to."
        },
        "project": {
          "there": "There is a project with this name.",
          "none": "There is no project with this name yet.",
          "disabled": "This project is disabled."
        }
      },
      "refusal": {
        "in-progress": "An account with this name is being created at this moment. Try again in {seconds, plural, one {# second} other {# seconds}}.",
        "name-taken": "There is a user with this name already. Choose another name, or open the user's page.",
        "already-handed-over": "This account was created here and has been given a link. To give it another one, open the user's page.",
        "account-disabled": "This account was begun here, and somebody has disabled it since. Enable it first.",
        "unknown-domain": "This domain is no longer in Keystone. Choose another one.",
        "read-only-domain": "The users of this domain are in a directory that Keystone cannot write to. Choose another domain, or create the user in the directory.",
        "unknown-project": "This project is no longer in Keystone. Choose another one.",
        "project-name-taken": "Keystone has a project with this name in another spelling. Enter it exactly as it is there.",
        "project-disabled": "This project is disabled. Choose another one, or enable it first.",
        "unknown-role": "This role is no longer in Keystone. Choose another one.",
        "token-ended": "Your sign-in has ended. Sign in again.",
        "password-refused": "Keystone rejected the random password: {message}",
        "bad-request": "Keystone rejected what was entered: {message}",
        "keystone-unavailable": "{unknown, select, yes {Keystone did not respond, so it is not known whether the last step was carried out.} other {Keystone is not responding as it should.}} Send the form again in a moment: what is there already is not made twice.",
        "forbidden": {
          "project": "Keystone does not allow your account to look up or create this project. Ask for the admin role.",
          "user": "Keystone does not allow your account to create and change users in this domain. Ask for the admin role.",
          "role": "Keystone does not allow your account to give this role on this project. Ask for the admin role.",
          "link": "Keystone does not allow your account to change this user. Ask for the admin role."
        }
      },
      "made": {
        "heading": "What there is by now",
        "project": "The project {name} was created.",
        "user": "The account {name} is in Keystone, without a link.",
        "role": "It has its role on the project.",
        "again": "Send the form again to finish it: nothing is made twice."
      }
    },
    "requests": {
      "intro": "Users who requested a new link and confirmed it from the address they gave. Nobody has checked whether the account is theirs.",
      "stateLabel": "State",
      "state": {
        "open": "Open",
        "closed": "Closed"
      },
      "searchLabel": "Search requests by code, name or address",
      "searchHint": "Code, name, address",
      "closed": "The request is closed, and the PIN given with it is erased.",
      "closingTakesAdmin": "Only administrators with the role admin can close requests, because a request names no account that Keystone could be asked about. Nothing was changed. You can answer the requests of accounts that you may change.",
      "closedBefore": "This request had already been closed.",
      "none": "{state, select, open {No open requests} other {No closed requests}}",
      "noneAdvice": "Users request a new link at /reset. Requests appear here once they are confirmed by email.",
      "noMatch": "{state, select, open {No open request has “{search}” as its code, or in its name or address} other {No closed request has “{search}” as its code, or in its name or address}}",
      "showAll": "{state, select, open {Show all open requests} other {Show all closed requests}}",
      "selectAll": "Select all on this page",
      "selectNone": "Select none",
      "answerSelected": "Answer selected…",
      "closeSelected": "Close selected…",
      "unconfirmed": "Not confirmed: it was sent before setpass confirmed requests",
      "several": "One of {count, plural, one {# open request} other {# open requests}} from this address: ask its owner for the code",
      "answeredBefore": "Another request from this address was answered <when></when>",
      "closedHow": "{how, select, answered {<user>answered</user>} other {without a link}}{named, select, yes { by {name}} other {}}",
      "findUser": "Find user",
      "close": "Close…",
      "closeAdvice": "Nobody is told, and the PIN given with it is erased.",
      "closeSubmit": "Close without a link",
      "closing": "Closing…"
    },
    "review": {
      "nothing": "Nothing is selected",
      "nothingAdvice": "First select requests in the list. Requests closed in the meantime are left out.",
      "back": "Back to the requests",
      "cancel": "Cancel",
      "close": {
        "heading": "{count, plural, one {One request will be closed without a link} other {# requests will be closed without a link}}",
        "advice": "The PINs given with them are erased, and nobody is told. Whoever still needs a link has to request one again.",
        "submit": "{count, plural, one {Close one request} other {Close # requests}}",
        "done": "{count, plural, =0 {No request was closed} one {One request is closed} other {# requests are closed}}",
        "doneAdvice": "The PINs given with them are erased.",
        "before": "{count, plural, one {One had already been closed.} other {# had already been closed.}}"
      },
      "answer": {
        "heading": "{count, plural, one {One request will be answered} other {# requests will be answered}}",
        "advice": "Each user gets a link with the PIN of their request, sent to the address in Keystone, which is the one that confirmed the request. A pending link of the account stops working.",
        "randomly": "{count, plural, one {One account has no pending link whose initial password could be kept. Its present password ends immediately; a random one that nobody sees replaces it until the link is used.} other {# accounts have no pending link whose initial password could be kept. Their present passwords end immediately; random ones that nobody sees replace them until the links are used.}}",
        "random": "Random password: the present one ends immediately",
        "keep": "Keeps the initial password of its pending link",
        "submit": "{count, plural, one {Answer one request} other {Answer # requests}}",
        "pending": "Answering…",
        "noneReady": "None of these can be answered together with others",
        "noneReadyAdvice": "Answer them one by one, from the list.",
        "left": "Left for you to decide",
        "leftAdvice": "{count, plural, one {This request stays} other {These requests stay}} open until somebody has checked.",
        "done": "{count, plural, =0 {No request was answered} one {One request is answered} other {# requests are answered}}",
        "doneAdvice": "Their links are being sent.",
        "notDoneAdvice": "All are unchanged, except where noted below.",
        "itsLink": "Link sent to {address}",
        "notDone": "Not answered"
      },
      "reason": {
        "not-open": "It was closed or answered in the meantime",
        "not-confirmed": "It was never confirmed by email",
        "unusable-pin": "Its PIN cannot be used: the request was changed in the database",
        "several-requests": "Other requests from this address are open: the code tells which one is meant",
        "no-such-user": "Keystone has no user with exactly this name",
        "other-address": "Keystone has another address for this user, or none",
        "several-users": "Several users have this name and address, in different domains",
        "own-account": "It is the account you are signed in with",
        "privileged-account": "The account has rights over the cloud, or Keystone does not say. A random password may stop a service, so answer it separately",
        "account-disabled": "The account is disabled, so no link could set its password",
        "password-locked": "Keystone does not allow this user to change the password",
        "pin-exhausted": "The PIN of the current link was guessed wrong too many times",
        "forbidden": "Keystone does not allow you to do this",
        "keystone-unavailable": "Keystone did not respond",
        "changed": "Something has changed since you looked. Check again",
        "redemption-under-way": "The account's link is being used right now: the user may not need another",
        "being-answered": "Someone else is answering it right now",
        "password-refused": "Keystone rejected the random password"
      },
      "passwordRefused": "Keystone rejected the random password: {message}",
      "keystoneAway": "Keystone did not respond. A random password may have been set: issue a link to be sure"
    },
    "signIn": {
      "intro": "The console of {appName} is for administrators of the cloud. Use your OpenStack account.",
      "ended": "Your session has ended. Sign in again to continue.",
      "signedOut": "You are signed out.",
      "notSignedIn": "You are not signed in",
      "userName": "User name",
      "password": "Password",
      "domain": "Domain",
      "usesCode": "My account uses a one-time code",
      "code": "One-time code",
      "codeHint": "From your authenticator app.",
      "submit": "Sign in",
      "pending": "Signing in…",
      "problem": {
        "userName": "Enter your user name.",
        "password": "Enter your password.",
        "domain": "Enter your domain. If unsure, enter Default.",
        "codeNeeded": "This account requires a one-time code. Enter it together with your password."
      },
      "refused": "Check your user name, password and domain. If they are correct, your account lacks a role in the admin project.",
      "refusedWithCode": "Check your user name, password, domain and one-time code. A code works for 30 seconds, and only if the clock of your phone is right: wait for the next one. If all are correct, your account lacks a role in the admin project.",
      "keystoneAway": "Keystone is not responding, so nobody can sign in right now. Try again in {seconds, plural, one {# second} other {# seconds}}."
    }
  }
};
