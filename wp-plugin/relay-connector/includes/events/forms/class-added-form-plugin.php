<?php
/**
 * The base class for form plugins that older versions did not know.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

defined( 'ABSPATH' ) || exit;

/**
 * An admin switches it on. Otherwise an update would start to send entries that no one chose to send.
 */
abstract class Added_Form_Plugin extends Form_Plugin {

	/**
	 * Whether its entries are sent until an admin decides.
	 *
	 * @return bool
	 */
	public function is_on_by_default() {
		return false;
	}

	/**
	 * The titles of forms that are posts.
	 *
	 * @param string $post_type The post type.
	 * @return string[] Titles by id.
	 */
	protected function titles_of_posts( $post_type ) {
		$posts = get_posts(
			array(
				'post_type'   => $post_type,
				'post_status' => 'publish',
				'numberposts' => self::MOST_FORMS,
			)
		);
		return wp_list_pluck( $posts, 'post_title', 'ID' );
	}
}
