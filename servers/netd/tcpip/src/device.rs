//! The contract with the network device: what accompanies a frame.
//!
//! The shape follows virtio_net_hdr, which both virtio-net and a TAP with IFF_VNET_HDR speak, so that checksum and
//! segmentation offload need no second path. The stack does what a device can't: with [`Features::default`] it fills in
//! and verifies every checksum and never sends a frame beyond the MTU.

/// What the device can do for the stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Features {
    /// The device completes TCP and UDP checksums ([`Checksum::Needed`] may be sent).
    pub transmit_checksum: bool,
    /// Largest TCP payload the device cuts into segments; 0 if it can't. The stack keeps to one segment a frame until
    /// segmentation offload is used.
    pub segmentation: u32,
}

/// State of a frame's TCP or UDP checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Checksum {
    /// The field is complete on transmit, unverified on receive.
    #[default]
    Complete,
    /// Received and verified by the device.
    Valid,
    /// The field holds the pseudo-header's sum; who puts the frame on a wire completes it. On receive the frame never
    /// was on a wire, and is trusted.
    Needed {
        /// Where summing starts, from the frame's start.
        start: u16,
        /// Where the sum goes, from `start`.
        offset: u16,
    },
}

/// How a frame larger than the MTU is, or is to be, cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Segmentation {
    /// One segment.
    #[default]
    None,
    /// TCP over IPv4 with `size` bytes of payload a segment.
    TcpV4 {
        /// Payload bytes per segment.
        size: u16,
    },
    /// TCP over IPv6.
    TcpV6 {
        /// Payload bytes per segment.
        size: u16,
    },
}

/// What accompanies a frame between stack and device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FrameMeta {
    /// The transport checksum.
    pub checksum: Checksum,
    /// Segmentation offload.
    pub segmentation: Segmentation,
}

/// A frame that [`crate::Stack::next_frame`] wrote into the caller's buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TxFrame {
    /// Bytes written.
    pub len: usize,
    /// What the device must know.
    pub meta: FrameMeta,
}
