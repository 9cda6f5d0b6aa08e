import assert from 'node:assert/strict'
import { parseConfig } from '../../../lib/config/load.ts'
import { formatProblem } from '../../../lib/config/problem.ts'

const TRUNK = 'trunks: [{ id: a, sources: [192.0.2.1], srtp: required }]'
const FREESWITCH = 'media: { engine: "freeswitch://:ClueCon@192.0.2.1:8021"'

/** What is wrong with a config, or what whoever starts a node is told. */
function told(text: string): string[] {
  const read = parseConfig(text, { env: {}, file: 'x.yaml' })
  return (read.ok ? read.value.notices : read.error).map(formatProblem)
}

describe('Encryption that a config asks for', () => {
  it('is refused where FreeSWITCH would carry the audio in clear', () => {
    assert.match(told(`${FREESWITCH}, srtp: required }`).join('\n'), /^x\.yaml:1:\d+ media\.srtp: FreeSWITCH carries/m)
    assert.match(told(`${FREESWITCH} }\n${TRUNK}`).join('\n'), /^x\.yaml:2:\d+ trunks\[0\]\.srtp: FreeSWITCH carries/m)
  })

  it('is warned of where nothing hides its keys', () => {
    assert.match(told(TRUNK).join('\n'), /trunks\[0\]\.srtp: the keys of SRTP travel in SIP/)
    assert.match(told('media: { srtp: required }').join('\n'), /media\.srtp: the keys of SRTP travel in SIP/)
    const tls = 'sip: { listen: ["tls:127.0.0.1:5061"], tls: { cert: a.pem, key: b.pem } }'
    assert.deepEqual(told(`${tls}\n${TRUNK}`), [])
    assert.deepEqual(told('media: { srtp: optional }'), [])
  })
})
