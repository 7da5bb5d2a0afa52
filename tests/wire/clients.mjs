// The official JavaScript client against ingest: node clients.mjs MODULES INGEST_URL API_KEY.
// Ends with 0 when all was as its users expect it.
import { createRequire } from 'node:module'
import assert from 'node:assert/strict'

const [modules, url, key] = process.argv.slice(2)
const { Client, errors } = createRequire(modules + '/')('@elastic/elasticsearch')
const pair = Buffer.from('some-id:' + key).toString('base64')
const time = '2026-11-22T10:00:00.123Z'
const docs = (tag, count) => Array.from({ length: count }, (_, i) => ({
  '@timestamp': time, event: { action: 'js_' + tag }, 'source.ip': '203.0.113.7', js: { number: i }
}))

async function bulk (client, tag, count) {
  const stats = await client.helpers.bulk({
    datasource: docs(tag, count),
    onDocument: () => ({ create: { _index: 'js' } }),
    onDrop: (doc) => { throw new Error('dropped: ' + JSON.stringify(doc)) }
  })
  assert.equal(stats.successful, count)
  assert.equal(stats.failed, 0)
}

const logins = {
  api_key: { auth: { apiKey: pair } },
  api_key_pair: { auth: { apiKey: { id: 'some-id', api_key: key } } },
  basic: { auth: { username: 'anybody', password: key } },
  header: { headers: { 'X-API-Key': key } }
}
for (const [tag, login] of Object.entries(logins)) {
  const client = new Client({ node: url, ...login })
  assert.equal((await client.info()).version.number, '8.15.0')
  await bulk(client, tag, 10)
  await client.close()
}

const client = new Client({ node: url, auth: { apiKey: pair }, compression: true })
await bulk(client, 'gzip', 2500)
assert.equal((await client.cluster.health()).status, 'green')

const mixed = await client.bulk({ operations: [
  { index: { _index: 'js', _id: 'once' } }, docs('once', 1)[0],
  { index: { _index: 'js', _id: 'once' } }, docs('once', 1)[0],
  { delete: { _index: 'js', _id: 'once' } },
  { create: { _index: 'js' } }, { '@timestamp': 'yesterday' }
] })
assert.equal(mixed.errors, true)
assert.deepEqual(mixed.items.map((item) => Object.values(item)[0].status), [201, 201, 400, 400])
assert.equal(mixed.items[0].index._id, 'once')
assert.ok(mixed.items[2].delete.error.type && mixed.items[2].delete.error.reason)
await client.close()

const stranger = new Client({ node: url, auth: { apiKey: 'wrong' } })
await assert.rejects(stranger.bulk({ operations: [{ create: {} }, {}] }),
  (error) => error instanceof errors.ResponseError && error.statusCode === 401)
await stranger.close()
console.log('ok')
