const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** @returns whether a text from an address or a form can be a row's id: PostgreSQL throws at any other */
export const isRowId = (text: string | null | undefined): text is string =>
  typeof text === "string" && UUID.test(text);
