/**
 * The one door to the local database: nothing else in the demo opens it or asks for a token.
 * One database per user name; the name is all that is kept of a sign-in.
 */
import { open, type Database } from 'tidemark';

/** The indexes that the demo's own queries use. */
const INDEXES = { todo: ['list'], import: ['id'], city: ['name'] };

/** The field by which an entity is searched, as far as one is indexed. */
export function searchField(entity: string): string | undefined {
  const field = (INDEXES as Record<string, readonly string[]>)[entity]?.[0];
  return field === 'id' ? undefined : field;
}

/** Opens (or makes) the local database of `user`; it syncs by itself with the server that served this page. */
export function openFor(user: string): Promise<Database> {
  return open({
    name: `tidemark-demo:${user}`,
    server: location.origin,
    token: () => askForToken(user),
    indexes: INDEXES,
  });
}

/** Lets the database of `user` try again after the server refused its token. */
export function signInAgain(database: Database, user: string): Promise<void> {
  return database.connect({ server: location.origin, token: () => askForToken(user) });
}

/** A development server gives a token to anybody who says a name. */
async function askForToken(user: string): Promise<string> {
  const response = await fetch('/v1/dev/token', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user }),
  });
  if (response.status === 404) {
    throw new Error('This server hands out no tokens for a name. Start it with --dev to use the demo.');
  }
  if (!response.ok) {
    throw new Error(`The server gave no token for “${user}” (status ${response.status}).`);
  }
  const answer = (await response.json()) as { token: string };
  return answer.token;
}
