<?php
/**
 * Finds the plugin's own classes: no Composer on the site.
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
	 * Starts loading this plugin's classes from a folder.
	 *
	 * @param string $folder The folder, without a slash at its end.
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
