//! Device trees: QEMU's own (`-M virt,dumpdtb=`), and thousands of damaged ones.

mod common;

use common::{DAMAGED, Random};
use firmware::dtb::{self, Conduit, Fdt, Location, Platform, Reason};
use firmware::region::{PAGE, Region};

const GICV2: &[u8] = include_bytes!("data/virt-gicv2.dtb");
const GICV3: &[u8] = include_bytes!("data/virt-gicv3.dtb");

/// As the kernel reads it: header, structure, contents.
fn read(tree: &[u8]) -> Result<Platform, Reason> {
    let head = tree.first_chunk().ok_or("too short")?;
    let length = dtb::length(head)? as usize;
    let tree = Fdt::new(tree.get(..length).ok_or("cut off")?).map_err(|_| "malformed")?;
    let (_, _) = (dtb::console(tree), dtb::conduit(tree));
    dtb::platform(tree)
}

fn region(base: u64, length: u64) -> Region {
    Region { base, length }
}

#[test]
fn the_machine_virt_with_either_interrupt_controller() {
    for (bytes, gic) in [
        (
            GICV2,
            Location::V2 {
                distributor: region(0x800_0000, 0x1_0000),
                interface: region(0x801_0000, 0x1_0000),
                messages: Some(region(0x802_0000, 0x1000)),
            },
        ),
        (
            GICV3,
            Location::V3 { distributor: region(0x800_0000, 0x1_0000), redistributors: region(0x80a_0000, 0xf6_0000) },
        ),
    ] {
        let tree = Fdt::new(bytes).unwrap();
        assert_eq!(dtb::console(tree), Some(region(0x900_0000, 0x1000)));
        assert_eq!(dtb::conduit(tree), Conduit::Hvc);
        let platform = dtb::platform(tree).unwrap();
        assert_eq!(platform.gic, gic);
        assert_eq!(platform.banks.as_slice(), [region(0x4000_0000, 256 << 20)]);
        assert_eq!((platform.cores, platform.timer, platform.archive), (4, 27, None));
        assert_eq!(&platform.command_line.0[..platform.command_line.1], b"log=error");
        assert_ne!(platform.seed, [0; 32]);
        assert_eq!(platform.secrets.as_slice().len(), 2, "both are to be erased");
        assert!(platform.devices.overlap(region(0x900_0000, 4)) && !platform.devices.overlap(region(0x800_0000, 4)));
    }
}

/// What must be true of whatever is believed.
fn check(platform: &Platform) {
    let banks = platform.banks.as_slice();
    for (i, bank) in banks.iter().enumerate() {
        assert!(bank.base.is_multiple_of(PAGE) && bank.length.is_multiple_of(PAGE) && bank.length != 0);
        assert!(!banks[..i].iter().any(|other| other.overlaps(*bank)), "memory twice");
        assert!(!platform.devices.overlap(*bank), "memory as a device");
    }
    for registers in platform.gic.regions().into_iter().flatten() {
        assert!(!platform.devices.overlap(registers) && !platform.banks.overlap(registers));
    }
    if let Some(archive) = platform.archive {
        assert!(banks.iter().any(|bank| bank.contains(archive)));
    }
    assert!((16..32).contains(&platform.timer) && platform.cores >= 1);
    assert!(platform.command_line.1 <= platform.command_line.0.len());
}

#[test]
fn damaged_trees_are_refused_or_make_sense() {
    let mut random = Random(0x5eed_0001);
    let (mut refused, mut believed) = (0, 0);
    for i in 0..DAMAGED {
        let mut tree = if i % 2 == 0 { GICV2 } else { GICV3 }.to_vec();
        random.damage(&mut tree);
        match read(&tree) {
            Ok(platform) => {
                check(&platform);
                believed += 1;
            }
            Err(reason) => {
                assert!(!reason.is_empty());
                refused += 1;
            }
        }
    }
    // The structure is checked as a whole; what passes has changed names and values.
    assert!(refused > DAMAGED / 20 && believed > DAMAGED / 10, "{refused} refused, {believed} believed");
}

#[test]
fn trees_that_are_cut_off_are_refused() {
    for length in (0..GICV3.len()).step_by(61) {
        assert!(read(&GICV3[..length]).is_err(), "{length}");
        let mut tree = GICV3[..length].to_vec();
        if let Some(field) = tree.get_mut(4..8) {
            field.copy_from_slice(&(length as u32).to_be_bytes());
        }
        assert!(read(&tree).is_err(), "{length}, and it says so");
    }
}
