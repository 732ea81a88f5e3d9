//! The window we offer, without the silly window syndrome (RFC 9293 §3.8.6.2.2).

use super::{Connection, State};
use crate::buffer::{ReceiveBuffer, SendBuffer};

/// The shift that lets 16 bits express `capacity` (RFC 7323 §2.3: at most 14).
pub(super) fn scale_for(capacity: usize) -> u8 {
    (0..14).find(|shift| capacity >> shift <= usize::from(u16::MAX)).unwrap_or(14)
}

impl<S: SendBuffer, R: ReceiveBuffer> Connection<S, R> {
    /// RCV.WND: what was announced and is not used yet.
    pub(super) fn rcv_wnd(&self) -> u32 {
        self.rcv_adv.since(self.rcv_nxt)
    }

    /// Bytes that would fit now, as far as a header can say.
    fn receive_room(&self) -> u32 {
        let room = self.receive.as_ref().map_or(self.receive_capacity, |receive| receive.window());
        room.min(usize::from(u16::MAX) << self.rcv_wnd_shift) as u32
    }

    /// How far the window must grow before the peer is told: a segment, or half of a small buffer.
    fn growth_step(&self) -> u32 {
        (self.receive_capacity / 2).min(self.rcv_mss as usize) as u32
    }

    /// Whether the user read so much that an acknowledgment of its own should tell.
    pub(super) fn window_update_due(&self) -> bool {
        if !self.state.can_receive() {
            return false;
        }
        let step = (self.receive_capacity / 2).min(2 * self.rcv_mss as usize) as u32;
        self.receive_room().saturating_sub(self.rcv_wnd()) >= step.max(1)
    }

    /// The field of the next segment; moves the announced edge. The edge never moves left.
    pub(super) fn select_window(&mut self) -> u16 {
        if matches!(self.state, State::SynSent) {
            return self.rcv_wnd().min(u32::from(u16::MAX)) as u16;
        }
        // In a SYN-ACK the field isn't scaled.
        let shift = if self.state == State::SynReceived && self.syn_due { 0 } else { self.rcv_wnd_shift };
        let (room, current) = (self.receive_room(), self.rcv_wnd());
        let field = if room >= current.saturating_add(self.growth_step().max(1)) {
            room >> shift
        } else {
            let rounded_up = current.div_ceil(1 << shift);
            if rounded_up << shift <= room.max(current) { rounded_up } else { current >> shift }
        };
        let field = field.min(u32::from(u16::MAX));
        self.rcv_adv = self.rcv_adv.max(self.rcv_nxt + (field << shift));
        field as u16
    }
}

#[cfg(test)]
mod tests {
    use super::scale_for;

    #[test]
    fn the_scale_is_the_smallest_that_fits() {
        assert_eq!(scale_for(0), 0);
        assert_eq!(scale_for(65_535), 0);
        assert_eq!(scale_for(65_536), 1);
        assert_eq!(scale_for(1 << 20), 5);
        assert_eq!(scale_for(usize::MAX), 14);
    }
}
