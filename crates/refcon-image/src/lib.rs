//! Grey images on their way to an encoder: reading them, preprocessing them, drawing them.
//!
//! | step | where |
//! |---|---|
//! | the image files of a folder | [`list`] |
//! | a PNG, JPEG or TIFF file to a [`GreyImage`] | [`read`], [`decode`] |
//! | contrast, bicubic resize, centre crop, as torchvision 0.17 does them | [`Preprocessing`] |
//! | random crops, contrast and flips for training | [`augment`] |
//! | a few tiles of every class of a labelled folder | [`pick_tiles_of_classes`] |
//! | values to colours | [`ColourMap`] |
//! | pictures of all this | [`figure`] |
//!
//! # Pixel formats that [`read`] understands
//!
//! | format | 8-bit grey | 16-bit grey | 8-bit RGB | 16-bit RGB | with alpha | other |
//! |---|---|---|---|---|---|---|
//! | PNG | yes | yes | yes | yes | alpha dropped | 1, 2, 4-bit grey and palettes are expanded to 8 bits |
//! | TIFF | yes | yes | yes | yes | alpha dropped | CMYK becomes RGB; palettes and 32-bit samples are refused |
//! | JPEG | yes | – | yes | – | – | CMYK becomes RGB |
//!
//! Colour becomes grey with the luma weights of ITU-R BT.601, in the integer arithmetic of Pillow's `convert("L")`.

pub mod augment;
mod colour_map;
mod decode;
pub mod figure;
mod folder;
mod gallery;
mod grey;
mod preprocess;
mod resample;

pub use colour_map::ColourMap;
pub use decode::{DecodeLimits, ReadImageError, decode, read, size_of};
pub use folder::{ListError, TileFile, is_image_name, list};
pub use gallery::{ClassTiles, GalleryError, pick_tiles_of_classes};
pub use grey::{GreyImage, ImageSizeError};
pub use preprocess::{Preprocessing, PreprocessingError, Step};
