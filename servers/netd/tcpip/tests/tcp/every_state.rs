//! What holds in each state behind SYN-SENT: the same stories, once a state (RFC 9293 §3.10.7.4, RFC 5961).

use crate::tcb::*;
use tcpip::*;

macro_rules! stories {
    ($state:ident, $reset_error:expr) => {
        mod $state {
            use super::*;

            fn tcb() -> Tcb {
                $state()
            }

            #[test]
            fn a_reset_at_the_edge_ends_it() {
                let mut tcb = tcb();
                let segment = seg(RST, tcb.rcv_nxt(), 0, 0);
                assert_eq!(tcb.recv(segment), None);
                assert_eq!((tcb.state(), tcb.c.error(), tcb.out()), (State::Closed, $reset_error, vec![]));
                assert_eq!(tcb.c.poll_at(), None);
            }

            #[test]
            fn a_reset_inside_the_window_is_challenged() {
                let mut tcb = tcb();
                let (segment, challenge) = (seg(RST, tcb.rcv_nxt() + 10, 0, 0), tcb.bare_ack());
                assert_eq!(tcb.unchanged_by(segment), [challenge]);
            }

            #[test]
            fn a_reset_outside_the_window_is_nothing() {
                let mut tcb = tcb();
                for seq in [tcb.rcv_nxt() - 1, tcb.rcv_nxt() + 8000] {
                    assert_eq!(tcb.unchanged_by(seg(RST, seq, 0, 0)), []);
                }
            }

            #[test]
            fn a_segment_outside_the_window_is_answered_with_the_state() {
                let mut tcb = tcb();
                let answer = tcb.bare_ack();
                let ack = tcb.snd_nxt();
                assert_eq!(tcb.unchanged_by(seg(ACK, tcb.rcv_nxt() + 8000, ack, 5)), [answer]);
                assert_eq!(tcb.unchanged_by(seg(ACK, tcb.rcv_nxt() - 1, ack, 0)), [answer]);
            }

            #[test]
            fn a_segment_without_an_acknowledgment_is_dropped() {
                let mut tcb = tcb();
                assert_eq!(tcb.unchanged_by(seg(PSH, tcb.rcv_nxt(), 0, 5)), []);
            }

            #[test]
            fn answers_to_strangers_are_limited_to_ten_a_second() {
                let mut tcb = tcb();
                let segment = seg(RST, tcb.rcv_nxt() + 10, 0, 0);
                let said = |tcb: &mut Tcb| (0..50).map(|_| tcb.unchanged_by(segment).len()).sum::<usize>();
                assert_eq!(said(&mut tcb), 10);
                tcb.now = tcb.now + Duration::from_millis(1000);
                assert_eq!(said(&mut tcb), 10);
            }

            #[test]
            fn an_abort_tells_the_peer_where_we_are() {
                let mut tcb = tcb();
                let (nxt, rcv_nxt) = (tcb.c.status().snd_nxt, tcb.c.status().rcv_nxt);
                let reset = tcb.c.abort().unwrap();
                assert_eq!((reset.seq, reset.ack), (nxt, Some(rcv_nxt)));
                assert_eq!((tcb.state(), tcb.c.error()), (State::Closed, Some(Error::Aborted)));
                assert_eq!((tcb.out(), tcb.c.poll_at()), (vec![], None));
            }

            #[test]
            fn an_icmp_error_does_not_end_it() {
                let mut tcb = tcb();
                let before = tcb.view();
                tcb.c.unreachable(Error::Unreachable);
                assert_eq!(tcb.view(), before);
            }
        }
    };
}

stories!(syn_received, None);
stories!(established, Some(Error::Reset));
stories!(fin_wait_1, Some(Error::Reset));
stories!(fin_wait_2, Some(Error::Reset));
stories!(close_wait, Some(Error::Reset));
stories!(closing, None);
stories!(last_ack, None);

/// What holds once the handshake is over.
macro_rules! synchronized {
    ($state:ident) => {
        mod $state {
            pub mod synchronized {
                use super::super::super::*;

                #[test]
                fn a_syn_in_the_window_is_challenged() {
                    let mut tcb = $state();
                    let (segment, challenge) = (seg(SYN, tcb.rcv_nxt() + 3, 0, 0), tcb.bare_ack());
                    assert_eq!(tcb.unchanged_by(segment), [challenge]);
                }

                #[test]
                fn an_acknowledgment_of_the_future_is_answered_and_dropped() {
                    let mut tcb = $state();
                    let (segment, answer) = (seg(ACK, tcb.rcv_nxt(), tcb.snd_nxt() + 1, 0), tcb.bare_ack());
                    assert_eq!(tcb.unchanged_by(segment), [answer]);
                }

                #[test]
                fn an_acknowledgment_from_long_ago_is_challenged() {
                    let mut tcb = $state();
                    let ack = tcb.snd_una().wrapping_sub(u32::from(WINDOW) + 1);
                    let (segment, answer) = (seg(ACK, tcb.rcv_nxt(), ack, 0), tcb.bare_ack());
                    assert_eq!(tcb.unchanged_by(segment), [answer]);
                }
            }
        }
    };
}

mod all {
    synchronized!(established);
    synchronized!(fin_wait_1);
    synchronized!(fin_wait_2);
    synchronized!(close_wait);
    synchronized!(closing);
    synchronized!(last_ack);
}
