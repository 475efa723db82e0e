// probe
import { lose } from './lost.ts';
import { Device } from './package-page.ts';
import { test } from './server.ts';
test('probe', async ({ server, context }) => {
  for (const what of ['none', 'request', 'answer'] as const) {
    const d = await Device.open(context, server, what);
    const keys = await d.create('note', [1, 2, 3].map(n => ({ n })));
    if (what !== 'none') { const loss = await lose(d.page, 0, what); console.log(await d.trySync(), loss); }
    await d.update('note', keys[0]!, { n: 9 });
    await d.page.evaluate(key => window.db.collection('note').delete(key), keys[1]!);
    await d.update('note', keys[2]!, { n: 5 });
    await d.update('note', keys[2]!, { n: 3 });
    console.log(what, JSON.stringify(await d.page.evaluate(() => window.db.pending())));
    console.log(JSON.stringify(await d.sync()));
    console.log(JSON.stringify(await d.page.evaluate(() => window.db.pending())));
    console.log(JSON.stringify(await d.page.evaluate(() => window.db.status)));
    console.log(JSON.stringify(await d.sync()));
    console.log(JSON.stringify(await d.page.evaluate(() => window.db.pending())));
  }
});
