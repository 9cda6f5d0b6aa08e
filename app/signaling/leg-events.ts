import { assertNever } from '../../lib/core/assert-never.ts'
import type { EndCause, EndedBy } from '../../lib/observe/call-record.ts'
import type { LegEvent } from '../media/port.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { CallSession } from '../session/call-session.ts'
import type { CallRecorder } from './call-recorder.ts'

export interface LegEventSink {
  readonly recorder: CallRecorder
  readonly metrics: Metrics
  readonly session: Pick<CallSession, 'item' | 'variable'>
  readonly hangUp: (by: EndedBy, cause: EndCause) => void
}

/** What happens on the leg of an agent goes into record and metrics, and may end the call. */
export function onLegEvent(event: LegEvent, { recorder, metrics, session, hangUp }: LegEventSink): void {
  switch (event.kind) {
    case 'turn':
      return recorder.turn(event.at, event.who, event.text)
    case 'item':
      return session.item(event.item)
    case 'dtmf':
      return recorder.event({ event: 'dtmf', digit: event.digit, durationMs: event.durationMs })
    case 'answeredBy':
      recorder.event({ event: 'call.answeredBy', by: event.by, afterMs: event.afterMs })
      return event.leaves ? hangUp('system', 'normal') : undefined
    case 'agent.connected':
      metrics.agentReady(event.setupMs)
      return recorder.event({ event: 'agent.connected', backend: event.backend, setupMs: event.setupMs })
    case 'agent.bargeIn':
      metrics.bargeIn(event.silenceAfterMs)
      return recorder.event({ event: 'agent.bargeIn', heardMs: event.heardMs, silenceAfterMs: event.silenceAfterMs })
    case 'agent.tool': {
      const { kind, ...tool } = event
      return recorder.event({ event: kind, ...tool })
    }
    case 'agent.variable':
      return session.variable(event.name, event.value)
    case 'agent.lost':
      return recorder.event({ event: 'agent.lost', level: 'warn', code: event.code, message: event.message })
    case 'agent.reconnected':
      metrics.agentBack(event.gapMs)
      return recorder.event({ event: 'agent.reconnected', backend: event.backend, gapMs: event.gapMs })
    case 'agent.gone':
      recorder.event({ event: 'agent.lost', level: 'error', code: event.code, message: event.message })
      return hangUp('system', 'agent-fault')
    case 'stranger':
      return recorder.event({ event: 'security.refused', level: 'warn', source: event.address, what: 'rtp' })
    case 'forged':
      return recorder.event({ event: 'security.refused', level: 'warn', source: event.address, what: 'srtp' })
    case 'hangUp':
      return hangUp('agent', 'normal')
    case 'mediaTimeout':
      return hangUp('system', 'media-timeout')
    case 'failed':
      recorder.event({ event: 'agent.lost', level: 'error', code: 'media-lost', message: event.message })
      return hangUp('system', 'agent-fault')
    case 'firstPacket':
    case 'firstAudio':
    case 'rtpResumed':
    case 'agent.backend':
    case 'agent.transfer':
    case 'agent.briefed':
    case 'played':
      return
    default:
      return assertNever(event)
  }
}
