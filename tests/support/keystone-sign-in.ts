/** What OpenStack itself says to a name and a password. */
export async function signInToKeystone(
  keystoneUrl: string,
  user: { id: string; password: string },
): Promise<{ status: number }> {
  const answer = await fetch(`${keystoneUrl}/v3/auth/tokens`, {
    method: "POST",
    headers: { "content-type": "application/json", connection: "close" },
    body: JSON.stringify({ auth: { identity: { methods: ["password"], password: { user } } } }),
  });
  await answer.arrayBuffer();
  return { status: answer.status };
}
