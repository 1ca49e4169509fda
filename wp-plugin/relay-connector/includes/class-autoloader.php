<?php
/**
 * Loads the plugin's classes. Sites have no Composer.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector;

defined( 'ABSPATH' ) || exit;

/**
 * Maps Relay_Connector\Admin\Settings_Page to admin/class-settings-page.php.
 */
final class Autoloader {

	/**
	 * Registers the autoloader for a folder.
	 *
	 * @param string $folder The folder, without a trailing slash.
	 */
	public static function register( $folder ) {
		spl_autoload_register(
			static function ( $name ) use ( $folder ) {
				if ( 0 !== strpos( $name, __NAMESPACE__ . '\\' ) ) {
					return;
				}
				$parts = explode( '\\', strtolower( str_replace( '_', '-', substr( $name, strlen( __NAMESPACE__ ) + 1 ) ) ) );
				$class = array_pop( $parts );
				$path  = $folder . '/' . implode( '/', array_merge( $parts, array( '' ) ) );
				foreach ( array( 'class-', 'interface-' ) as $prefix ) {
					if ( is_file( $path . $prefix . $class . '.php' ) ) {
						require_once $path . $prefix . $class . '.php';
						return;
					}
				}
			}
		);
	}
}
