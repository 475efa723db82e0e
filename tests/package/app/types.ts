// Compiled, never run: the package's types as an app meets them.

import { open, TidemarkError, type Doc, type SyncReport } from 'tidemark';

interface Todo {
  title: string;
  done: boolean;
}

export async function use(): Promise<string> {
  const db = await open({ name: 'types', server: 'https://sync.example.com', token: async () => 'token' });
  const todos = db.collection<Todo>('todo');
  const made: Doc<Todo> = await todos.create({ title: 'Buy milk', done: false });
  const changed = await todos.update(made.key, { done: true });
  // @ts-expect-error a field that no Todo has
  await todos.update(made.key, { colour: 'red' });
  const maybe: Doc<Todo> | undefined = await todos.get(made.key);
  const open_ones = await todos.find({ where: { done: { eq: false } }, orderBy: ['-updated'], limit: 50 });
  for await (const doc of todos.each()) console.log(doc.value.title);
  try {
    const report: SyncReport = await db.sync();
    return `${report.pushed} ${changed.handle} ${maybe?.state} ${open_ones.length}`;
  } catch (error) {
    if (error instanceof TidemarkError) return `${error.code}: ${error.help}`;
    throw error;
  }
}
